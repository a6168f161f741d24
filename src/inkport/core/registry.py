"""Runtimes by name, from the entry-point group ``inkport.runtimes``: built-ins and plug-ins alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points

from inkport.core.artifact import Artifact
from inkport.core.errors import (
    InkportError,
    RuntimeCollisionError,
    RuntimeExecutionError,
    RuntimeUnavailableError,
    UnknownRuntimeError,
    UnsupportedFormatError,
)
from inkport.core.foreign import failure_of
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
        RuntimeUnavailableError: If the adapter cannot be imported, or is not a runtime.
    """
    point = _entry_point(name)
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


def probe(name: str) -> Availability:
    """Return whether runtime ``name`` can run here; an adapter that does not load, or whose probe raises, cannot.

    Raises:
        UnknownRuntimeError: If no package registers that name.
        RuntimeCollisionError: If more than one does.
    """
    try:
        runtime = load_runtime(name)
    except RuntimeUnavailableError as error:
        return Availability(ok=False, reason=error.message, remedy=error.remedy)
    return _probe(runtime)


def open_session(
    artifact: Artifact, *, runtime: str, device: str = "cpu", options: SessionOptions | None = None
) -> CheckedSession:
    """Open an artifact with a runtime by name.

    Args:
        artifact: What to run.
        runtime: A registered name.
        device: In the runtime's own words.
        options: One thread and nothing else by default.

    Raises:
        UnknownRuntimeError: If the runtime is not registered.
        UnsupportedFormatError: If it does not open this format or precision.
        RuntimeUnavailableError: If it cannot run here, or not on this device.
        RuntimeExecutionError: If it fails in a way of its own.
        InkportError: What else ``Runtime.open`` raises.
    """
    adapter = load_runtime(runtime)
    if artifact.format not in adapter.formats:
        opens = ", ".join(adapter.formats)
        raise UnsupportedFormatError(
            f"{artifact.path}: runtime {runtime!r} opens {opens}, this artifact is {artifact.format}",
            remedy="choose another runtime, or export the format it opens",
        )
    availability = _probe(adapter)
    if not availability.ok:
        raise RuntimeUnavailableError(
            f"runtime {runtime!r} cannot run here: {availability.reason}", remedy=availability.remedy
        )
    label = f"{runtime} on {device}"
    try:
        session = adapter.open(artifact, device=device, options=options or SessionOptions())
    except InkportError:
        raise
    except BaseException as error:
        failure = failure_of(error)
        raise RuntimeExecutionError(f"{label}: failed to open {artifact.path}: {failure!r}") from error
    return CheckedSession(session, artifact.spec, label=label)


def _probe(runtime: Runtime) -> Availability:
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


def _entry_point(name: str) -> EntryPoint:
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
    return points[0]


def _registered() -> dict[str, list[EntryPoint]]:
    found: dict[str, list[EntryPoint]] = defaultdict(list)
    for point in entry_points(group=GROUP):
        # The same installation can be seen twice (an editable install beside its build metadata).
        if all(point.value != other.value for other in found[point.name]):
            found[point.name].append(point)
    return found


def choose_runtime(artifact: Artifact) -> str:
    """Return the first runtime, in the order of their names, that opens the artifact's format and can run here.

    Raises:
        RuntimeUnavailableError: If there is none; says why for each that might have been it.
    """
    reasons: list[str] = []
    remedies: list[str] = []
    for name in runtime_names():
        try:
            if artifact.format not in load_runtime(name).formats:
                continue
        except (RuntimeUnavailableError, RuntimeCollisionError) as error:
            reasons.append(error.message)
            remedies.append(error.remedy)
            continue
        availability = probe(name)
        if availability.ok:
            return name
        reasons.append(f"{name}: {availability.reason}")
        remedies.append(availability.remedy)
    raise RuntimeUnavailableError(
        f"no runtime here opens {artifact.format} artifacts ({'; '.join(reasons) or 'none is registered for them'})",
        remedy=" or ".join(filter(None, dict.fromkeys(remedies))) or "install a runtime that opens them",
    )


def opens(artifact: Artifact, runtime: str | None = None) -> bool:
    """Whether a runtime, or any runtime if none is named, opens the artifact's format and can run here.

    Raises:
        UnknownRuntimeError: If the named runtime is not registered.
        RuntimeUnavailableError: If the named runtime cannot be loaded.
    """
    if runtime is not None:
        return artifact.format in load_runtime(runtime).formats
    try:
        choose_runtime(artifact)
    except RuntimeUnavailableError:
        return False
    return True
