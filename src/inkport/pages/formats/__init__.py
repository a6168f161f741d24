"""The formats that pages are written in, a module each; ALTO and PAGE are read as well."""

from __future__ import annotations
