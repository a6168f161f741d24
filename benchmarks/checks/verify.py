"""The sequence of a verification: the reference reads, every target reads, then all are timed together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from inkport.benchmarks.measure.fragile import fragile_reason
from inkport.benchmarks.measure.per_line import per_line
from inkport.benchmarks.report.describe import describe_data, describe_model, describe_reference
from inkport.benchmarks.report.envelope import ArtifactInfo, Report, TargetReport
from inkport.benchmarks.run.environment import read_environment
from inkport.benchmarks.run.options import Options
from inkport.benchmarks.run.outcome import Outcome
from inkport.benchmarks.run.progress import Progress, silent
from inkport.benchmarks.run.reference import Provide, open_reference
from inkport.benchmarks.run.speed import Speed, measure_speed
from inkport.benchmarks.run.targets import TargetRun, prove, read_all
from inkport.benchmarks.run.verdict import judge
from inkport.core.artifact import Artifact
from inkport.core.beam import BeamDecoder
from inkport.core.ctc import greedy
from inkport.core.errors import LineDataError, UnknownRuntimeError
from inkport.core.registry import runtime_names
from inkport.core.runtime import SessionOptions
from inkport.core.target import LineChoice, Target
from inkport.lines.audit import Audit


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be verified."""

    model: Artifact
    """The model as handed in."""
    targets: Sequence[Target]
    """The targets, names unique."""
    audit: Audit
    """The usable lines, prepared for this model."""
    sources: Sequence[str]
    """Names of the line sets."""
    provide: Provide
    """Returns the artefact of a target."""
    options: Options = field(default_factory=Options)
    """Settings."""
    beam: BeamDecoder | None = None
    """Decodes the logits of the reference and of every target with a language model; greedy decoding if None."""


def verify(request: Request, *, progress: Progress = silent) -> Report:
    """Verify every target against the reference; a target that fails does not stop the others.

    Raises:
        LineDataError: If there is no usable line.
        UnknownRuntimeError: If a target names a runtime that is not registered.
        RuntimeUnavailableError: If there is nothing to compare with.
        InkportError: If the reference itself fails.
    """
    check_targets(request.targets)
    if not request.audit.lines:
        raise LineDataError("there is no usable line to verify on", remedy="pass line sets with --lines")
    options, audit, decode = request.options, request.audit, request.beam or greedy
    environment = read_environment(threads=options.threads)
    progress("opening the reference")
    reference = open_reference(request.provide, SessionOptions(threads=options.threads))
    try:
        spec = reference.artifact.spec
        expected = read_all(spec, reference.session, audit, label="reference", progress=progress, decode=decode)
    finally:
        reference.session.close()
    runs = [
        prove(target, expected, audit, provide=request.provide, options=options, progress=progress, decode=decode)
        for target in request.targets
    ]
    speed = measure_speed(runs, audit, options, progress, beam=request.beam)
    return Report(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        model=describe_model(request.model),
        data=describe_data(request.audit, request.sources, request.model),
        reference=describe_reference(reference),
        options=options,
        environment=environment,
        baseline=speed.baseline,
        host=speed.host,
        noise=speed.noise,
        per_line=per_line(audit.lines, expected),
        targets=tuple(_conclude(run, speed) for run in runs),
        lm=request.beam.fusion if request.beam else None,
    )


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


def _conclude(run: TargetRun, speed: Speed) -> TargetReport:
    target, latency = run.target, speed.latencies.get(run.target.name)
    if target.name in speed.errors:
        run.fail(Outcome.RUN_FAILED, speed.errors[target.name])
    outcome, reason = run.failure or (Outcome.PASS, "")
    if run.failure is None and run.parity is not None:
        outcome, reason = judge(run.parity, latency, run.placement, target.budget)
        if outcome is Outcome.INCONCLUSIVE and run.choice is LineChoice.FRAGILE and run.parity.flipped_lines:
            reason = fragile_reason(run.parity)
    return TargetReport(
        name=target.name,
        runtime=target.runtime,
        runtime_version=run.version,
        device=target.device,
        precision=target.precision,
        outcome=outcome,
        reason=reason,
        budget=target.budget,
        evidence=run.evidence if run.parity else None,
        sample=run.sample,
        sample_choice=run.choice,
        placement=run.placement,
        options=target.options,
        required=target.required,
        artifact=ArtifactInfo.of(run.artifact) if run.artifact else None,
        parity=run.parity,
        latency=latency,
        line_edits=run.line_edits,
    )
