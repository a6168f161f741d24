"""Pure functions on numpy arrays: no file, no session, no clock."""

from __future__ import annotations


CONFIDENCE = 0.95
"""Share of samples whose interval covers the truth; the level of every interval."""
RESAMPLES = 2000
"""Draws behind an interval that is resampled; 95 % limits want about 1,000 (Efron & Tibshirani, 1993)."""
