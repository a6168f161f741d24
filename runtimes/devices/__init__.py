"""Machines that are reached over a wire: what can be asked of one, over ssh or over adb."""

from __future__ import annotations
