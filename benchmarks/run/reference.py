"""What all targets are compared with: torch, or ONNX fp32 where there is no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from inkport.core.artifact import Artifact
from inkport.core.errors import ExportError, RuntimeUnavailableError
from inkport.core.registry import open_session, probe
from inkport.core.runtime import CheckedSession, SessionOptions
from inkport.core.target import Precision, Target


Provide = Callable[[Target], Artifact]
"""Returns the artifact that a target runs, exporting it if needed; raises ``ExportError`` if that fails."""

CANDIDATES = (
    Target(name="reference", runtime="torch", precision=Precision.FP32),
    Target(name="reference", runtime="onnxruntime", precision=Precision.FP32),
)
"""The reference, and what may stand in for it where it is unavailable."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """An open reference."""

    target: Target
    """Runtime, device and precision."""
    artifact: Artifact
    """What it runs."""
    session: CheckedSession
    """Where it runs; the caller closes it."""
    note: str
    """Why it is not torch; empty if it is."""


def open_reference(provide: Provide, options: SessionOptions) -> Reference:
    """Open the first reference that is available.

    A reference that is there but broken is an error, not a reason to take the next one.

    Raises:
        RuntimeUnavailableError: If there is none.
    """
    missing: list[str] = []
    for target in CANDIDATES:
        try:
            if not (availability := probe(target.runtime)).ok:
                raise RuntimeUnavailableError(availability.reason)
            artifact = provide(target)
            session = open_session(artifact, runtime=target.runtime, device=target.device, options=options)
        except (ExportError, RuntimeUnavailableError) as error:
            missing.append(f"{target.runtime} {target.precision}: {error.message}")
            continue
        note = f"stands in for the torch reference, which is not available ({'; '.join(missing)})" if missing else ""
        return Reference(target=target, artifact=artifact, session=session, note=note)
    raise RuntimeUnavailableError(
        f"there is no reference to compare with ({'; '.join(missing)})",
        remedy="pip install 'inkport[export]' and pass the trained weights, or pass an ONNX fp32 artifact as the model",
    )
