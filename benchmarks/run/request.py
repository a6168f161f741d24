"""What is asked of a check (model, targets, lines, reference), and what its report says of that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkport.benchmarks.measure import RESAMPLES
from inkport.benchmarks.run.environment import without_folders
from inkport.benchmarks.run.record import ArtifactInfo
from inkport.core.artifact import Artifact
from inkport.core.errors import ExportError, LineDataError, RuntimeUnavailableError, UnknownRuntimeError, UsageError
from inkport.core.registry import open_any, opens, probe, runtime_names
from inkport.core.runtime import CheckedAny, SessionOptions
from inkport.core.target import Precision, Target
from inkport.lines.audit import Audit
from inkport.lines.roles import LEARNT, Role, recorded
from inkport.lines.source import digest_lines


if TYPE_CHECKING:
    from inkport.core.beam import BeamDecoder


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
    """Maximum number of lines timed per target; 0 skips the latency."""
    resamples: int = RESAMPLES
    """Draws for the interval of the worst writer."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(latency_lines=0, resamples=1)


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
    session: CheckedAny
    """Where it runs; the caller closes it."""
    note: str
    """Why it is not torch; empty if it is."""


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
    """Returns the artifact of a target."""
    options: Any = field(default_factory=VerifyOptions)
    """Settings, in the class of the check."""
    out: Path | None = None
    """Folder of the run, for a check that writes more than its report."""
    beam: BeamDecoder | None = None
    """Decodes the logits of the reference and of every target with a language model; greedy decoding if None."""
    note: str = ""
    """What was asked for and is not judged, and why."""

    def refuse(self) -> None:
        """Refuse what cannot be checked.

        Raises:
            LineDataError: If there is no usable line.
            UnknownRuntimeError: If a target names a runtime that is not registered.
        """
        check_targets(self.targets)
        if not self.audit.lines:
            raise LineDataError("there is no usable line to check on", remedy="pass line sets with --lines")


def open_reference(request: Request, options: SessionOptions) -> Reference:
    """Open the first reference that is available.

    A reference that is there but broken is an error, not a reason to take the next one. Of a recogniser that returns
    text it is the first target that reads with the model as it was handed in.

    Raises:
        RuntimeUnavailableError: If there is none.
    """
    if request.model.spec.no_frames:
        return _own_reference(request, options)
    missing: list[str] = []
    for target in CANDIDATES:
        try:
            if not (availability := probe(target.runtime)).ok:
                raise RuntimeUnavailableError(availability.reason)
            artifact = request.provide(target)
            session = open_any(artifact, runtime=target.runtime, device=target.device, options=options)
        except (ExportError, RuntimeUnavailableError) as error:
            missing.append(f"{target.runtime} {target.precision}: {error.message}")
            continue
        note = f"stands in for the torch reference, which is not available ({'; '.join(missing)})" if missing else ""
        return Reference(target=target, artifact=artifact, session=session, note=note)
    raise RuntimeUnavailableError(
        f"there is no reference to compare with ({'; '.join(missing)})",
        remedy="pip install 'inkport[export]' and pass the trained weights, or pass an ONNX fp32 artifact as the model",
    )


def _own_reference(request: Request, options: SessionOptions) -> Reference:
    model = request.model
    able = (target for target in request.targets if opens(model, target.runtime) and probe(target.runtime).ok)
    if (target := next(able, None)) is None:
        raise RuntimeUnavailableError(
            f"there is no reference to compare with: {model.spec.no_frames}, and no target here reads with it",
            remedy="name the plug-in that reads with it as the first target",
        )
    extra = {key: value for key, value in target.options.items() if key != "threads"}
    session = open_any(model, runtime=target.runtime, device=target.device, options=replace(options, extra=extra))
    note = f"target {target.name!r}, the first that reads with the model as it is; it returns text: no gaps are judged"
    return Reference(target=target, artifact=model, session=session, note=note)


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


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """Which model was verified."""

    name: str
    """Name of the recogniser."""
    version: str
    """Version of its weights."""
    charset_sha256: str
    """Digest of its charset."""
    height: int
    """Height of its input, in pixels."""
    stride: int
    """Columns of its input per frame."""
    artifact: ArtifactInfo
    """What was handed in as the model."""


@dataclass(frozen=True, kw_only=True)
class SkippedLine:
    """A line left out by request."""

    id: str
    """The line's id."""
    problem: str
    """What is wrong with it."""
    detail: str
    """The sentence that says so."""


@dataclass(frozen=True, kw_only=True)
class DataInfo:
    """Which lines were read."""

    sha256: str
    """Digest of ids, texts and images, in order (``inkport.lines.source.digest_lines``)."""
    sources: tuple[str, ...]
    """Names of the files or folders, without their paths."""
    lines: int
    """Lines read."""
    skipped: tuple[SkippedLine, ...]
    """Lines left out."""
    trained_on: int | None = None
    """Lines read that the model was trained on; absent where its provenance does not record its lines."""


@dataclass(frozen=True, kw_only=True)
class ReferenceInfo:
    """What all targets were compared with."""

    runtime: str
    """Name of the runtime."""
    runtime_version: str
    """Version of its SDK."""
    device: str
    """Device of the runtime."""
    precision: Precision
    """Number format."""
    note: str
    """Why it is not torch, if it is not."""
    artifact: ArtifactInfo
    """What it ran."""


def describe_model(model: Artifact) -> ModelInfo:
    """Describe the model as it was handed in."""
    return ModelInfo(
        name=model.spec.name,
        version=model.spec.version,
        charset_sha256=model.spec.charset.digest,
        height=model.spec.preprocess.height,
        stride=max(1, round(model.spec.frame_px)),
        artifact=ArtifactInfo.of(model),
    )


def describe_reference(reference: Reference) -> ReferenceInfo:
    """Describe what targets were compared with."""
    return ReferenceInfo(
        runtime=reference.target.runtime,
        runtime_version=probe(reference.target.runtime).version,
        device=reference.target.device,
        precision=reference.target.precision,
        note=without_folders(reference.note),
        artifact=ArtifactInfo.of(reference.artifact),
    )


def describe_data(audit: Audit, sources: Sequence[str], model: Artifact | None = None) -> DataInfo:
    """Describe the lines.

    Args:
        audit: The lines.
        sources: Names of their sets, without folders.
        model: Whose provenance says whether it was trained on them.
    """
    record = model.provenance.line_digests if model else {}
    learnt = recorded(record, audit.lines, LEARNT)
    return DataInfo(
        sha256=digest_lines(audit.lines),
        sources=tuple(sources),
        lines=len(audit.lines),
        skipped=tuple(
            SkippedLine(id=f.id, problem=str(f.problem), detail=without_folders(f.detail)) for f in audit.findings
        ),
        trained_on=len({id(line) for some in learnt.values() for line in some}) if Role.TRAIN in record else None,
    )
