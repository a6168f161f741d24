"""inkport: a handwriting recogniser, ported to every device and proven there."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from inkport.core.telemetry import switch_off_telemetry


if TYPE_CHECKING:
    from inkport.api.proving import compare, export, verify
    from inkport.api.reading import load
    from inkport.core.doubts import Doubt, DoubtKind
    from inkport.core.errors import InkportError
    from inkport.core.line_reading import Reading, Symbol
    from inkport.core.recogniser import Recogniser

__version__ = "0.1.0"

__all__ = [
    "Doubt",
    "DoubtKind",
    "InkportError",
    "Reading",
    "Recogniser",
    "Symbol",
    "__version__",
    "compare",
    "export",
    "load",
    "verify",
]

_HOMES = {
    "Doubt": "core.doubts",
    "DoubtKind": "core.doubts",
    "InkportError": "core.errors",
    "Reading": "core.line_reading",
    "Recogniser": "core.recogniser",
    "Symbol": "core.line_reading",
    "compare": "api.proving",
    "load": "api.reading",
    "verify": "api.proving",
}
"""Where names are, by module below ``inkport``. ``export`` is the package of that name, which can be called."""

# Here, because nothing of inkport's is imported before this, and no engine before something of inkport's.
switch_off_telemetry()


def __getattr__(name: str) -> Any:
    """Load what is asked for, so that importing inkport loads nothing."""
    if name == "export":
        return import_module("inkport.export")
    if name not in _HOMES:
        raise AttributeError(f"module 'inkport' has no attribute {name!r}")
    value = getattr(import_module(f"inkport.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
