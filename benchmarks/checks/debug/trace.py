"""Two targets opened and traced on one line, compared, and the first divergence written to disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inkport.benchmarks.checks.debug.graph import Graph
from inkport.benchmarks.checks.debug.judge import Comparison, compare_traces
from inkport.benchmarks.checks.debug.pairing import Side
from inkport.benchmarks.checks.debug.precision import ROUNDOFF
from inkport.benchmarks.checks.debug.reproduction import write_reproduction
from inkport.benchmarks.checks.debug.result import (
    DEBUG,
    DebugOptions,
    Divergences,
    TracedTarget,
    divergence_record,
    tensor_records,
    unmatched,
)
from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.run.environment import read_environment
from inkport.benchmarks.run.record import ArtifactInfo, Outcome, TargetRecord
from inkport.benchmarks.run.request import describe_data, describe_model
from inkport.core.adapter import feed
from inkport.core.artifact import Artifact
from inkport.core.errors import ArtifactCorruptError, RuntimeExecutionError, UsageError
from inkport.core.registry import load_runtime, open_session, probe
from inkport.core.runtime import Availability, CheckedSession, Runtime, SessionOptions, Traced, check_returned, lend
from inkport.core.target import Target
from inkport.lines.audit import Audit
from inkport.runtimes.onnx_reference import OnnxReference


DEBUG_ONLY: dict[str, Runtime] = {OnnxReference.name: OnnxReference()}
"""Runtimes that are no targets of `inkport verify`, by name."""


@dataclass(frozen=True, kw_only=True)
class DebugTarget:
    """One of the two targets."""

    label: str
    """How the user named it."""
    runtime: str
    """Name of a runtime."""
    artifact: Artifact
    """What it runs."""


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A target that has been traced."""

    target: DebugTarget
    """The target."""
    version: str
    """Version of its SDK."""
    session: Traced = field(repr=False)
    """What can cut parts out of its model."""
    trace: Side = field(repr=False)
    """What it computed."""
    logits: npt.NDArray[np.float32] | None = field(repr=False)
    """What its session computes without being traced; None where that fails."""
    note: str
    """What is special about its trace."""


def runtime_for(name: str) -> Runtime:
    """Return a runtime by name, those for debugging alone included.

    Raises:
        InkportError: What ``load_runtime`` raises.
    """
    return DEBUG_ONLY.get(name) or load_runtime(name)


def availability(name: str) -> Availability:
    """Return whether a runtime can run here, those for debugging alone included."""
    return DEBUG_ONLY[name].probe() if name in DEBUG_ONLY else probe(name)


def open_target(target: DebugTarget, images: npt.NDArray[np.float32]) -> Opened:
    """Open a target, run it and trace it; the session is closed again.

    An ONNX file that its runtime refuses is traced by ONNX's reference evaluator instead, and the note says so.

    Args:
        target: The target.
        images: One prepared line, float32 (1, 1, h, w).

    Raises:
        UsageError: If the runtime has no way to tell what it computes on the way.
        InkportError: If it cannot be opened or traced.
    """
    note = ""
    try:
        checked = _open(target, target.runtime)
    except ArtifactCorruptError as error:
        if target.artifact.format not in OnnxReference.formats or target.runtime in DEBUG_ONLY:
            raise
        note = f"traced by {OnnxReference.name}, because {target.runtime} refuses it: {_first_line(error.message)}"
        checked = _open(target, OnnxReference.name)
    with checked:
        session = checked.session
        if not isinstance(session, Traced):
            raise UsageError(
                f"{target.label}: {target.runtime} does not tell what it computes on the way",
                remedy="debug torch, onnxruntime, openvino, coreml-mil or onnx-reference",
            )
        native = feed(images, target.artifact.spec)[0]
        lent = lend(native)
        trace = Side(label=target.label, precision=target.artifact.precision, trace=session.intermediates(lent))
        check_returned(lent, native, label=target.label)
        try:
            checked.run(images)
            # What the trace ends with is what the network itself returns.
            logits = checked.session.run(lend(native))
        except RuntimeExecutionError as error:
            logits, note = None, note or f"its session fails: {_first_line(error.message)}"
    version = availability(target.runtime).version
    # Closing frees the engine; the tracer keeps what it needs to cut parts out.
    return Opened(target=target, version=version, session=session, trace=trace, logits=logits, note=note)


def _open(target: DebugTarget, runtime: str) -> CheckedSession:
    if runtime in DEBUG_ONLY:
        session = DEBUG_ONLY[runtime].open(target.artifact, device="cpu", options=SessionOptions())
        return CheckedSession(session, target.artifact.spec, label=target.label)
    # A plug-in's runs here, too: what it computes on the way are arrays, and its tracer outlives the session.
    return open_session(target.artifact, runtime=runtime, here=True)


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "no reason given"


SESSION_SLACK = 8.0
"""How many times the rounding of the trace the logits may be off that the session computes with its operators fused.

Fusing changes the order of sums and leaves out roundings; both runs are equally far from the exact logits otherwise.
"""


def debug_targets(
    targets: tuple[DebugTarget, DebugTarget], graph: Artifact, *, audit: Audit, sources: Sequence[str] = (), out: Path
) -> Report:
    """Find where two targets part on one line; write a reproduction of the first divergence.

    Args:
        targets: Both targets.
        graph: The ONNX artifact whose operators both are judged by.
        audit: The one line.
        sources: Names of the line sets that it is from.
        out: Folder of the files.

    Raises:
        InkportError: If a target cannot be opened or traced.
    """
    ((line,), (prepared,)) = audit.lines, audit.inputs
    images = feed(prepared, graph.spec)[0]
    environment, meaning = read_environment(threads=1), Graph(graph.file(".onnx"))
    opened = (open_target(targets[0], prepared), open_target(targets[1], prepared))
    comparison = compare_traces(meaning, images, (opened[0].trace, opened[1].trace))
    divergences = []
    for index, finding in enumerate(comparison.divergences):
        written = None
        if index == 0:
            owner = next(one for one, side in zip(opened, comparison.sides, strict=True) if side is finding.side)
            written = write_reproduction(finding, owner.session, out)
        divergences.append(divergence_record(finding, written))
    found = Divergences(
        width=prepared.shape[3],
        checks=comparison.checks,
        divergences=tuple(divergences),
        tensors=tensor_records(comparison),
    )
    return Report(
        check=DEBUG,
        model=describe_model(graph),
        data=describe_data(audit, sources, graph),
        options=DebugOptions(line=line.id),
        environment=environment,
        targets=tuple(
            _record(one, side, comparison, images) for one, side in zip(opened, comparison.sides, strict=True)
        ),
        sections=(found,),
    )


def not_traced(targets: Sequence[TargetRecord], model: Artifact, *, reason: str) -> Report:
    """Return the report of two targets that cannot be compared operator by operator.

    Args:
        targets: Both, of which nothing is known.
        model: What they descend from.
        reason: Why.
    """
    nothing = TracedTarget(matched={}, unmatched=(), session_difference=None, session_ratio=None, note="")
    return Report(
        check=DEBUG,
        model=describe_model(model),
        data=describe_data(Audit(), (), model),
        note=reason,
        options=DebugOptions(),
        environment=read_environment(threads=1),
        targets=tuple(target.not_judged(reason).having(nothing) for target in targets),
        sections=(Divergences(width=0, checks=0, divergences=(), tensors=()),),
    )


def _record(opened: Opened, side: Side, comparison: Comparison, images: npt.NDArray[np.float32]) -> TargetRecord:
    difference, ratio = _fused(opened, side, comparison, images)
    runtime, artifact = opened.target.runtime, opened.target.artifact
    traced = TracedTarget(
        matched=dict(Counter(match.how for match in side.matches.values())),
        unmatched=unmatched(comparison, side),
        session_difference=difference,
        session_ratio=ratio,
        note=opened.note,
    )
    own = [finding for finding in comparison.divergences if finding.side is side]
    reasons = [f"It parts from the graph at {own[0].operator.kind} {own[0].operator.name}."] if own else []
    if traced.fused_fault:
        reasons.append(
            f"Its session, operators fused, is off by {difference:.3g} from its trace, {ratio:.3g} times what rounding "
            "explains."
        )
    target = Target(name=opened.target.label, runtime=runtime, precision=artifact.precision)
    return replace(
        TargetRecord.of(target),
        runtime_version=opened.version,
        outcome=Outcome.DIVERGED if reasons else Outcome.PASS,
        reason=" ".join(reasons),
        evidence=availability(runtime).evidence,
        artifact=ArtifactInfo.of(artifact),
        sections=(traced,),
    )


def _fused(
    opened: Opened, side: Side, comparison: Comparison, images: npt.NDArray[np.float32]
) -> tuple[float | None, float | None]:
    """Return how far the session's logits are from the trace's, absolutely and in units of what rounding explains."""
    traced = side.value(comparison.graph.output)
    if traced is None or opened.logits is None or traced.shape != opened.logits.shape:
        return None, None
    exact = comparison.graph.forward(images)[comparison.graph.output]
    difference = float(np.abs(opened.logits - traced).max())
    rounding = float(np.abs(traced - exact).max())
    least = ROUNDOFF[side.precision] * float(np.abs(exact).max())
    return difference, difference / (SESSION_SLACK * max(rounding, least))
