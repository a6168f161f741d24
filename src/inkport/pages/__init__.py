"""Pages: opening them, what was read on them and where, and the formats that this is written in."""

from __future__ import annotations
