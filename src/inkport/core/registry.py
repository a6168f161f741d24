"""Runtimes by name, from the entry-point group ``inkport.runtimes``: built-ins and plug-ins alike."""

from __future__ import annotations

from collections import defaultdict
from importlib.metadata import EntryPoint, entry_points

from inkport.core.artifact import Artifact
from inkport.core.errors import (
    InkportError,
    RuntimeCollisionError,
    RuntimeExecutionError,
    RuntimeUnavailableError,
    UnknownRuntimeError,
    UnsupportedFormatError,
    UsageError,
    failure_of,
)
from inkport.core.isolated import IsolatedRuntime
from inkport.core.loading import load_adapter, probe_adapter
from inkport.core.runtime import Availability, CheckedAny, CheckedSession, CheckedTexts, Runtime, SessionOptions
from inkport.core.spec import Decoder


GROUP = "inkport.runtimes"
"""Entry-point group of runtimes: ``name = "package.module:Class"``, the class taking no arguments."""
APPLICATION = "bundle-"
"""Begins the names of applications' own readers, which are chosen unasked only where no engine itself is here."""


def runtime_names() -> tuple[str, ...]:
    """Return the names of all registered runtimes, sorted; loads none of them."""
    return tuple(sorted(_registered()))


def load_runtime(name: str, *, here: bool = False) -> Runtime:
    """Load one runtime's adapter (not its SDK): inkport's own into this process, a plug-in's into a child.

    Args:
        name: A registered name.
        here: Load a plug-in's into this process, too; for processes that nothing else depends on.

    Raises:
        UnknownRuntimeError: If no package registers that name.
        RuntimeCollisionError: If more than one does.
        RuntimeUnavailableError: If the adapter cannot be imported, or is not a runtime.
    """
    point = _entry_point(name)
    return load_adapter(point) if here or is_ours(point) else IsolatedRuntime(point)


def isolate(name: str) -> IsolatedRuntime:
    """Load one runtime's adapter into child processes, inkport's own too.

    Raises:
        UnknownRuntimeError: If no package registers that name.
        RuntimeCollisionError: If more than one does.
        RuntimeUnavailableError: If the adapter cannot be imported, or is not a runtime.
    """
    return IsolatedRuntime(_entry_point(name))


def is_built_in(name: str) -> bool:
    """Whether inkport itself has the runtime's adapter.

    Raises:
        UnknownRuntimeError: If no package registers that name.
        RuntimeCollisionError: If more than one does.
    """
    return is_ours(_entry_point(name))


def is_ours(point: EntryPoint) -> bool:
    """Whether inkport itself has the adapter."""
    return point.value.startswith("inkport.")


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
    return probe_adapter(runtime)


def open_session(
    artifact: Artifact,
    *,
    runtime: str,
    device: str = "cpu",
    options: SessionOptions | None = None,
    here: bool = False,
) -> CheckedSession:
    """Open an artifact for its logits, with a runtime by name; arguments and errors are those of ``open_any``.

    Raises:
        UsageError: If the recogniser returns text.
    """
    if artifact.spec.no_frames:
        raise UsageError(artifact.spec.no_frames, remedy="verify, bench, compare, kit and read take such recognisers")
    found = open_any(artifact, runtime=runtime, device=device, options=options, here=here)
    assert isinstance(found, CheckedSession)  # noqa: S101 - what returns no text returns logits
    return found


def open_any(
    artifact: Artifact,
    *,
    runtime: str,
    device: str = "cpu",
    options: SessionOptions | None = None,
    here: bool = False,
) -> CheckedAny:
    """Open an artifact with a runtime by name, whatever its recogniser returns.

    Args:
        artifact: What to run.
        runtime: A registered name.
        device: In the runtime's own words.
        options: One thread and nothing else by default.
        here: As for ``load_runtime``.

    Raises:
        UnknownRuntimeError: If the runtime is not registered.
        UnsupportedFormatError: If it does not open this format or precision.
        RuntimeUnavailableError: If it cannot run here, or not on this device.
        RuntimeExecutionError: If it fails in a way of its own.
        InkportError: What else ``Runtime.open`` raises.
    """
    adapter = load_runtime(runtime, here=here)
    if artifact.format not in adapter.formats:
        opens = ", ".join(adapter.formats)
        raise UnsupportedFormatError(
            f"{artifact.path}: runtime {runtime!r} opens {opens}, this artifact is {artifact.format}",
            remedy="choose another runtime, or export the format it opens",
        )
    refuse_undecoded(artifact, runtime)
    availability = probe_adapter(adapter)
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
    checked = CheckedTexts if artifact.spec.decoder is Decoder.TEXT else CheckedSession
    return checked(session, artifact.spec, label=label)


def refuse_undecoded(artifact: Artifact, runtime: str) -> None:
    """Refuse to open a recogniser that decodes by itself with a runtime that decodes nothing.

    Raises:
        UnsupportedFormatError: If it is one, and the runtime is inkport's own.
    """
    if _lacks_decoder(artifact, runtime):
        raise UnsupportedFormatError(
            f"{artifact.path}: {artifact.spec.no_frames}, runtime {runtime!r} decodes nothing",
            remedy="choose the plug-in that reads with it",
        )


def _lacks_decoder(artifact: Artifact, runtime: str) -> bool:
    """Whether a recogniser decodes by itself and the runtime, which is inkport's own, has no decoder of anybody."""
    return artifact.spec.decoder is Decoder.TEXT and is_built_in(runtime)


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

    Applications' readers (``APPLICATION``) come after all others.

    Raises:
        RuntimeUnavailableError: If there is none; says why for each that might have been it.
    """
    reasons: list[str] = []
    remedies: list[str] = []
    for name in sorted(runtime_names(), key=lambda name: name.startswith(APPLICATION)):
        try:
            if artifact.format not in load_runtime(name).formats or _lacks_decoder(artifact, name):
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
        return artifact.format in load_runtime(runtime).formats and not _lacks_decoder(artifact, runtime)
    try:
        choose_runtime(artifact)
    except RuntimeUnavailableError:
        return False
    return True
