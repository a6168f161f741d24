"""The sequence of a verification: the reference reads, every target reads, then all are timed together."""

from __future__ import annotations

from dataclasses import replace

from inkport.benchmarks.measure.parity import fragile_reason, per_line
from inkport.benchmarks.report.envelope import Report, Together
from inkport.benchmarks.run.environment import read_environment
from inkport.benchmarks.run.progress import Progress, silent
from inkport.benchmarks.run.record import Outcome, Proof, TargetRecord, judge
from inkport.benchmarks.run.request import (
    Reference,
    Request,
    describe_data,
    describe_model,
    describe_reference,
    open_reference,
)
from inkport.benchmarks.run.targets import Attempt, Speed, measure_speed, prove, read_all
from inkport.core.ctc import greedy
from inkport.core.runtime import SessionOptions
from inkport.core.target import LineChoice


ITSELF = "It is what the others are compared with; compared with itself it proves nothing."
"""Why the reference's own row has no verdict."""


def verify(request: Request, *, progress: Progress = silent) -> Report:
    """Verify every target against the reference; a target that fails does not stop the others.

    Raises:
        LineDataError: If there is no usable line.
        UnknownRuntimeError: If a target names a runtime that is not registered.
        RuntimeUnavailableError: If there is nothing to compare with.
        InkportError: If the reference itself fails.
    """
    request.refuse()
    options, audit, decode = request.options, request.audit, request.beam or greedy
    environment = read_environment(threads=options.threads)
    progress("opening the reference")
    reference = open_reference(request, SessionOptions(threads=options.threads))
    try:
        spec = reference.artifact.spec
        expected = read_all(spec, reference.session, audit, label="reference", progress=progress, decode=decode)
    finally:
        reference.session.close()
    runs = [prove(target, expected, request, progress=progress, decode=decode) for target in request.targets]
    speed = measure_speed(runs, audit, options, progress, beam=request.beam)
    together = Together(
        baseline=speed.baseline,
        host=speed.host,
        noise=speed.noise,
        per_line=per_line(audit.lines, expected),
        lm=request.beam.fusion if request.beam else None,
    )
    return Report(
        model=describe_model(request.model),
        data=describe_data(request.audit, request.sources, request.model),
        reference=describe_reference(reference),
        note=request.note,
        options=options,
        environment=environment,
        targets=tuple(_conclude(run, speed, reference) for run in runs),
        sections=(together,),
    )


def _conclude(run: Attempt, speed: Speed, reference: Reference) -> TargetRecord:
    target, latency = run.target, speed.latencies.get(run.target.name)
    if target.name in speed.errors:
        run.fail(Outcome.RUN_FAILED, speed.errors[target.name])
    record = run.record.having(replace(run.record.section(Proof), latency=latency))
    parity, choice = record.parity, record.sample_choice
    if parity is None:
        return replace(record, evidence=None)
    if run.failed:
        return record
    outcome, reason = judge(parity, latency, record.placement, target.budget)
    if outcome is Outcome.INCONCLUSIVE and choice is LineChoice.FRAGILE and parity.flipped_lines:
        reason = fragile_reason(parity)
    # Where it reads otherwise the second time, that is a finding, and stays one.
    if outcome in {Outcome.PASS, Outcome.INCONCLUSIVE} and not parity.flipped_lines and _is_same(run, reference):
        return replace(record, outcome=Outcome.REFERENCE, reason=ITSELF)
    return replace(record, outcome=outcome, reason=reason)


def _is_same(run: Attempt, reference: Reference) -> bool:
    """Whether a target is what the others are compared with: the same file, in the same runtime, on the same device."""
    return (
        run.artifact is not None
        and run.artifact.digest == reference.artifact.digest
        and (run.target.runtime, run.target.device) == (reference.target.runtime, reference.target.device)
        and not run.target.options
    )
