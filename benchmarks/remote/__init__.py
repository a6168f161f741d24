"""Proving a model on other machines: a kit is pushed, run there, its result fetched, and judged here."""

from __future__ import annotations
