"""Choosing a runtime when the user names none."""

from __future__ import annotations

from inkport.core.artifact import Artifact
from inkport.core.errors import RuntimeCollisionError, RuntimeUnavailableError
from inkport.core.registry import load_runtime, probe, runtime_names


def choose_runtime(artifact: Artifact) -> str:
    """Return the first runtime, in the order of their names, that opens the artefact's format and can run here.

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
        f"no runtime here opens {artifact.format} artefacts ({'; '.join(reasons) or 'none is registered for them'})",
        remedy=" or ".join(filter(None, dict.fromkeys(remedies))) or "install a runtime that opens them",
    )


def opens(artifact: Artifact, runtime: str | None = None) -> bool:
    """Whether a runtime, or any runtime if none is named, opens the artefact's format and can run here.

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
