"""What every adapter asks of its SDK first, is it here and does it import, and keeping what it prints out of ours."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from inkport.core.runtime import Availability


def probe_sdk(
    module: str,
    *,
    extra: str = "",
    remedy: str = "",
    devices: tuple[str, ...] | Callable[[Any], tuple[str, ...]] = ("cpu",),
) -> Availability:
    """Import an SDK and say whether that worked; never raises.

    Args:
        module: Import name of the SDK, which has a ``__version__``.
        extra: Extra of inkport that installs it, if one does.
        remedy: What installs it otherwise, in the words of the package that has the adapter.
        devices: What the adapter can use once the SDK is there, or a function that asks the module.
    """
    try:
        sdk = import_module(module)
        version = str(sdk.__version__).split("-")[0]
        return Availability(ok=True, version=version, devices=devices(sdk) if callable(devices) else devices)
    except Exception as error:  # noqa: BLE001 - a broken install must be reported, not raised
        if isinstance(error, ModuleNotFoundError) and error.name == module:
            install = remedy or (f"pip install 'inkport[{extra}]'" if extra else f"install {module}")
            return Availability(ok=False, reason=f"{module} is not installed", remedy=install)
        return Availability(
            ok=False, reason=f"{module} does not import: {error}", remedy=remedy or f"reinstall {module}"
        )


@contextmanager
def native_output() -> Iterator[Callable[[], str]]:
    """Redirect the process's standard output and error; yield a function that returns what was printed so far.

    Libraries write to the file descriptors, past ``sys.stdout``: a banner there would break `--json`, and the
    reason why a file was refused is often nowhere else. Other threads that print meanwhile are caught too.
    """
    with tempfile.TemporaryFile() as file:

        def read() -> str:
            return os.pread(file.fileno(), 1 << 20, 0).decode(errors="replace").strip()

        sys.stdout.flush()
        sys.stderr.flush()
        kept = {descriptor: os.dup(descriptor) for descriptor in (1, 2)}
        try:
            for descriptor in kept:
                os.dup2(file.fileno(), descriptor)
            yield read
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, copy in kept.items():
                os.dup2(copy, descriptor)
                os.close(copy)
