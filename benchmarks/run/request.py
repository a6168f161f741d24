"""What is asked of a check (one request, whatever is checked), and the reference that it is held against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inkport.benchmarks.measure import RESAMPLES
from inkport.core.artifact import Artifact
from inkport.core.beam import BeamDecoder
from inkport.core.errors import ExportError, LineDataError, RuntimeUnavailableError, UnknownRuntimeError, UsageError
from inkport.core.registry import open_session, probe, runtime_names
from inkport.core.runtime import CheckedSession, SessionOptions
from inkport.core.target import Precision, Target
from inkport.lines.audit import Audit


@dataclass(frozen=True, kw_only=True)
class Options:
    """What every check is asked for.

    Raises:
        UsageError: If a number is out of range.
    """

    threads: int = 1
    """Threads that every target computes with, unless its options say otherwise."""
    seed: int = 0
    """Of all random choices."""
    skip: tuple[str, ...] = ()
    """Problems whose lines are left out."""

    def __post_init__(self) -> None:
        self.require(threads=1)

    def require(self, **least: int) -> None:
        """Refuse numbers below what is the least.

        Raises:
            UsageError: If there is one.
        """
        low = [f"{name} must be at least {number}" for name, number in least.items() if getattr(self, name) < number]
        if low:
            raise UsageError(f"{', '.join(low)}; found {', '.join(str(getattr(self, name)) for name in least)}")


@dataclass(frozen=True, kw_only=True)
class VerifyOptions(Options):
    """What `inkport verify` is asked for."""

    latency_lines: int = 200
    """Most lines timed per target; 0 leaves the latency out."""
    resamples: int = RESAMPLES
    """Draws for the interval of the worst writer."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(latency_lines=0, resamples=1)


Provide = Callable[[Target], Artifact]
"""Returns the artefact that a target runs, exporting it if needed; raises ``ExportError`` if that fails."""

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
        remedy="pip install 'inkport[export]' and pass the trained weights, or pass an ONNX fp32 artefact as the model",
    )


@dataclass(frozen=True, kw_only=True)
class Request:
    """A model, targets, and lines to check them on."""

    model: Artifact
    """The model as handed in."""
    targets: Sequence[Target]
    """The targets, names unique."""
    audit: Audit
    """The usable lines, prepared for this model."""
    sources: Sequence[str] = ()
    """Names of the line sets."""
    provide: Provide
    """Returns the artefact of a target."""
    options: Any = field(default_factory=VerifyOptions)
    """Settings, in the class of the check."""
    out: Path | None = None
    """Folder of the run, for a check that writes more than its report."""
    beam: BeamDecoder | None = None
    """Decodes the logits of the reference and of every target with a language model; greedy decoding if None."""

    def refuse(self) -> None:
        """Refuse what cannot be checked.

        Raises:
            LineDataError: If there is no usable line.
            UnknownRuntimeError: If a target names a runtime that is not registered.
        """
        check_targets(self.targets)
        if not self.audit.lines:
            raise LineDataError("there is no usable line to check on", remedy="pass line sets with --lines")


def check_targets(targets: Sequence[Target]) -> None:
    """Refuse targets whose runtime nobody registered: that is a misspelt request, not an unavailable target.

    Raises:
        UnknownRuntimeError: If there is one.
    """
    names = runtime_names()
    for target in targets:
        if target.runtime not in names:
            raise UnknownRuntimeError(
                f"target {target.name!r}: runtime {target.runtime!r} is not registered",
                remedy=f"registered runtimes: {', '.join(names)}",
            )
