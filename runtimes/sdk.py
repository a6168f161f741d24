"""What every adapter asks of its SDK before anything else: is it here, and does it import?"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from inkport.core.runtime import Availability


def probe_sdk(
    module: str, *, extra: str, devices: tuple[str, ...] | Callable[[Any], tuple[str, ...]] = ("cpu",)
) -> Availability:
    """Import an SDK and say whether that worked; never raises.

    Args:
        module: Import name of the SDK, which has a ``__version__``.
        extra: Extra of inkport that installs it.
        devices: What the adapter can use once the SDK is there, or a function that asks the module.
    """
    try:
        sdk = import_module(module)
        version = str(sdk.__version__).split("-")[0]
        return Availability(ok=True, version=version, devices=devices(sdk) if callable(devices) else devices)
    except Exception as error:  # noqa: BLE001 - a broken install must be reported, not raised
        if isinstance(error, ModuleNotFoundError) and error.name == module:
            return Availability(ok=False, reason=f"{module} is not installed", remedy=f"pip install 'inkport[{extra}]'")
        return Availability(ok=False, reason=f"{module} does not import: {error}", remedy=f"reinstall {module}")
