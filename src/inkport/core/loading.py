"""A runtime's adapter, loaded into this process and asked what it can do; whatever it does, an answer comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import EntryPoint

from inkport.core.errors import RuntimeUnavailableError, failure_of
from inkport.core.runtime import Availability, Runtime


def load_adapter(point: EntryPoint) -> Runtime:
    """Load an adapter (not its SDK).

    Raises:
        RuntimeUnavailableError: If it cannot be imported, or is not a runtime.
    """
    try:
        runtime = point.load()()
    except BaseException as error:
        raise _broken(point, f"does not load: {failure_of(error)!r}") from error
    if not isinstance(runtime, Runtime):
        raise _broken(point, "is not a runtime: it lacks name, formats, probe() or open()")
    formats: object = runtime.formats
    if not isinstance(formats, Sequence) or isinstance(formats, str) or not formats:
        raise _broken(point, f"names no formats: {formats!r}")
    return runtime


def probe_adapter(runtime: Runtime) -> Availability:
    """Return whether an adapter's engine can run here; one whose probe raises cannot."""
    try:
        found: object = runtime.probe()
    except BaseException as error:  # noqa: BLE001 - a vendor's probe must not stop the others
        fault = f"its probe raised {failure_of(error)!r}"
    else:
        if isinstance(found, Availability):
            return found
        fault = f"its probe returned {found!r}, no Availability"
    return Availability(ok=False, reason=fault, remedy="report this to the runtime's package")


def _broken(point: EntryPoint, fault: str) -> RuntimeUnavailableError:
    return RuntimeUnavailableError(
        f"the adapter of runtime {point.name!r} ({point.value}) {fault}",
        remedy="fix or uninstall the package that registers it",
    )
