"""Runtimes by name, from the entry-point group ``inkport.runtimes``: built-ins and plug-ins alike."""

from __future__ import annotations

from collections import defaultdict
from importlib.metadata import EntryPoint, entry_points

from inkport.core.artifact import Artifact
from inkport.core.errors import (
    RuntimeCollisionError,
    RuntimeUnavailableError,
    UnknownRuntimeError,
    UnsupportedFormatError,
)
from inkport.core.runtime import Availability, CheckedSession, Runtime, SessionOptions


GROUP = "inkport.runtimes"
"""Entry-point group of runtimes: ``name = "package.module:Class"``, the class taking no arguments."""


def runtime_names() -> tuple[str, ...]:
    """Return the names of all registered runtimes, sorted; loads none of them."""
    return tuple(sorted(_registered()))


def load_runtime(name: str) -> Runtime:
    """Load one runtime's adapter (not its SDK).

    Raises:
        UnknownRuntimeError: If no package registers that name.
        RuntimeCollisionError: If more than one does.
        RuntimeUnavailableError: If the adapter itself cannot be imported.
    """
    points = _registered().get(name)
    if points is None:
        raise UnknownRuntimeError(
            f"runtime {name!r} is not registered", remedy=f"registered runtimes: {', '.join(runtime_names())}"
        )
    if len(points) > 1:
        values = ", ".join(sorted(point.value for point in points))
        raise RuntimeCollisionError(
            f"runtime {name!r} is registered by {values}", remedy="uninstall all but one of these packages"
        )
    try:
        runtime: Runtime = points[0].load()()
    except Exception as error:
        raise RuntimeUnavailableError(
            f"the adapter of runtime {name!r} ({points[0].value}) does not load: {error!r}",
            remedy="mend or uninstall the package that registers it",
        ) from error
    return runtime


def probe(name: str) -> Availability:
    """Return whether runtime ``name`` can run here; an adapter that does not load, or whose probe raises, cannot.

    Raises:
        UnknownRuntimeError: If no package registers that name.
        RuntimeCollisionError: If more than one does.
    """
    try:
        return load_runtime(name).probe()
    except RuntimeUnavailableError as error:
        return Availability(ok=False, reason=error.message, remedy=error.remedy)
    except (UnknownRuntimeError, RuntimeCollisionError):
        raise
    except Exception as error:  # noqa: BLE001 - a vendor's probe must not stop the others
        return Availability(
            ok=False, reason=f"its probe raised {error!r}", remedy="report this to the runtime's package"
        )


def open_session(
    artifact: Artifact, *, runtime: str, device: str = "cpu", options: SessionOptions | None = None
) -> CheckedSession:
    """Open an artefact with a runtime by name.

    Raises:
        UnknownRuntimeError: If the runtime is not registered.
        RuntimeUnavailableError: If it cannot run here.
        UnsupportedFormatError: If it does not open this format.
    """
    adapter = load_runtime(runtime)
    if artifact.format not in adapter.formats:
        raise UnsupportedFormatError(
            f"{artifact.path}: runtime {runtime!r} opens {', '.join(adapter.formats)}, this artefact is {artifact.format}",
            remedy="choose another runtime, or export the format it opens",
        )
    availability = probe(runtime)
    if not availability.ok:
        raise RuntimeUnavailableError(
            f"runtime {runtime!r} cannot run here: {availability.reason}", remedy=availability.remedy
        )
    session = adapter.open(artifact, device=device, options=options or SessionOptions())
    return CheckedSession(session, artifact.spec, label=f"{runtime} on {device}")


def _registered() -> dict[str, list[EntryPoint]]:
    found: dict[str, list[EntryPoint]] = defaultdict(list)
    for point in entry_points(group=GROUP):
        # The same installation can be seen twice (an editable install beside its build metadata).
        if all(point.value != other.value for other in found[point.name]):
            found[point.name].append(point)
    return found
