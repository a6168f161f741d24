"""inkport: a handwriting recogniser, ported to every device and proven there."""

from __future__ import annotations


__version__ = "0.1.0"

__all__ = ["__version__"]
