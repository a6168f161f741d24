"""Two targets on one line: traced, compared, and the first divergence written to disk."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inkport.benchmarks.checks.debug.divergence import Comparison, compare_traces
from inkport.benchmarks.checks.debug.graph import Graph
from inkport.benchmarks.checks.debug.opened import DebugTarget, Opened, open_target
from inkport.benchmarks.checks.debug.precision import ROUNDOFF
from inkport.benchmarks.checks.debug.reproduction import write_reproduction
from inkport.benchmarks.checks.debug.result import (
    DebugResult,
    TracedTarget,
    divergence_record,
    tensor_records,
    unmatched,
)
from inkport.benchmarks.checks.debug.side import Side
from inkport.core.artifact import Artifact


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
        graph: The ONNX artifact whose operators both are judged by.
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
