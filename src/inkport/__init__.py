"""inkport: a handwriting recogniser, ported to every device and proven there."""

from __future__ import annotations

from inkport.core.telemetry import switch_off_telemetry


__version__ = "0.1.0"

__all__ = ["__version__"]

# Here, because nothing of inkport's is imported before this, and no engine before something of inkport's.
switch_off_telemetry()
