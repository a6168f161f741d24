"""Two targets opened and traced on one line, compared, and the first divergence written to disk."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inkport.benchmarks.checks.debug.graph import Graph
from inkport.benchmarks.checks.debug.judge import Comparison, Traced as Trace, compare_traces
from inkport.benchmarks.checks.debug.pairing import Side
from inkport.benchmarks.checks.debug.precision import ROUNDOFF
from inkport.benchmarks.checks.debug.reproduction import write_reproduction
from inkport.benchmarks.checks.debug.result import (
    DebugResult,
    TracedTarget,
    divergence_record,
    tensor_records,
    unmatched,
)
from inkport.core.artifact import Artifact
from inkport.core.errors import ArtifactCorruptError, RuntimeExecutionError, UsageError
from inkport.core.lending import check_returned, lend
from inkport.core.registry import load_runtime, open_session, probe
from inkport.core.runtime import Availability, CheckedSession, Runtime, SessionOptions, Traced
from inkport.runtimes.tracing.onnx_reference import OnnxReference


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
    trace: Trace = field(repr=False)
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
        lent = lend(images)
        trace = Trace(label=target.label, precision=target.artifact.precision, trace=session.intermediates(lent))
        check_returned(lent, images, label=target.label)
        try:
            logits = checked.run(images)
        except RuntimeExecutionError as error:
            logits, note = None, note or f"its session fails: {_first_line(error.message)}"
    version = availability(target.runtime).version
    # Closing frees the engine; the tracer keeps what it needs to cut parts out.
    return Opened(target=target, version=version, session=session, trace=trace, logits=logits, note=note)


def _open(target: DebugTarget, runtime: str) -> CheckedSession:
    if runtime in DEBUG_ONLY:
        session = DEBUG_ONLY[runtime].open(target.artifact, device="cpu", options=SessionOptions())
        return CheckedSession(session, target.artifact.spec, label=target.label)
    return open_session(target.artifact, runtime=runtime)


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "no reason given"


SESSION_SLACK = 8.0
"""How many times the rounding of the trace the logits may be off that the session computes with its operators fused.

Fusing changes the order of sums and leaves out roundings; both runs are equally far from the exact logits otherwise.
"""


def debug_targets(
    targets: tuple[DebugTarget, DebugTarget],
    graph: Artifact,
    *,
    line: str,
    images: npt.NDArray[np.float32],
    out: Path,
) -> DebugResult:
    """Find where two targets part on one line; write a reproduction of the first divergence.

    Args:
        targets: Both targets.
        graph: The ONNX artefact whose operators both are judged by.
        line: Id of the line.
        images: The line, prepared, float32 (1, 1, h, w).
        out: Folder of the files.

    Raises:
        InkportError: If a target cannot be opened or traced.
    """
    meaning = Graph(graph.file(".onnx"))
    opened = (open_target(targets[0], images), open_target(targets[1], images))
    comparison = compare_traces(meaning, images, (opened[0].trace, opened[1].trace))
    divergences = []
    for index, finding in enumerate(comparison.divergences):
        written = None
        if index == 0:
            owner = opened[comparison.sides.index(finding.side)]
            written = write_reproduction(finding, owner.session, out)
        divergences.append(divergence_record(finding, written))
    spec = graph.spec
    records = [_record(one, side, comparison, images) for one, side in zip(opened, comparison.sides, strict=True)]
    return DebugResult(
        model=f"{spec.name} {spec.version}",
        line=line,
        width=images.shape[3],
        graph=graph.digest,
        a=records[0],
        b=records[1],
        checks=comparison.checks,
        divergences=tuple(divergences),
        tensors=tensor_records(comparison),
    )


def _record(opened: Opened, side: Side, comparison: Comparison, images: npt.NDArray[np.float32]) -> TracedTarget:
    difference, ratio = _fused(opened, side, comparison, images)
    return TracedTarget(
        target=opened.target.label,
        runtime=opened.target.runtime,
        version=opened.version,
        precision=str(opened.target.artifact.precision),
        artifact=opened.target.artifact.digest,
        matched=dict(Counter(match.how for match in side.matches.values())),
        unmatched=unmatched(comparison, side),
        session_difference=difference,
        session_ratio=ratio,
        note=opened.note,
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
