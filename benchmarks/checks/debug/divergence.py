"""The first operator where two targets part beyond what their precisions explain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from inkport.benchmarks.checks.debug.graph import Array, Graph, Operator, widened
from inkport.benchmarks.checks.debug.judge import Fault, Finding, Judge
from inkport.benchmarks.checks.debug.pairing import pair
from inkport.benchmarks.checks.debug.side import Side
from inkport.core.runtime import Intermediate
from inkport.core.target import Precision


@dataclass(frozen=True, kw_only=True)
class Traced:
    """What a target computed, before it is matched with the graph."""

    label: str
    """How the user named the target."""
    precision: Precision
    """What it computes in."""
    trace: Sequence[Intermediate]
    """Its values, in order."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A tensor that both targets have."""

    tensor: str
    """Its name in the graph."""
    operator: Operator
    """What computes it."""
    difference: float
    """Root mean square of the difference of both targets, relative to that of the exact tensor; errors of all earlier
    operators are in it."""
    ratios: tuple[float, float]
    """Each target's own error here, in units of what its precision explains."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two targets, operator by operator."""

    graph: Graph
    """What they are to compute."""
    sides: tuple[Side, Side]
    """The targets."""
    compared: tuple[Compared, ...]
    """Every tensor that both have, in the graph's order."""
    divergences: tuple[Finding, ...]
    """Every place where a target parts from the graph by more than its precision explains, in the graph's order."""
    checks: int
    """How many comparisons were made."""


def compare_traces(graph: Graph, images: Array, targets: tuple[Traced, Traced]) -> Comparison:
    """Judge both targets on every operator of a graph.

    Each operator is computed in float64 from what the target itself put into it. So an error shows where it is made
    and nowhere later, however small it is there and however large it grows.

    Args:
        graph: What both are to compute.
        images: The images that both were given, float32 (n, 1, h, w).
        targets: Both traces.
    """
    exact = graph.forward(images)
    sides = tuple(
        Side(label=one.label, precision=one.precision, trace=one.trace, matches=pair(graph, exact, one.trace))
        for one in targets
    )
    judges = [Judge(graph, side) for side in sides]
    compared, divergences, checks = [], [], 0
    for operator in graph.operators:
        ratios = [0.0, 0.0]
        for index, judge in enumerate(judges):
            for finding in judge.findings(operator):
                checks += 1
                ratios[index] = finding.ratio
                if finding.ratio > 1:
                    divergences.append(finding)
        if (entry := _compared(operator, exact, sides, (ratios[0], ratios[1]))) is not None:
            compared.append(entry)
    if not divergences:
        divergences += [stop for side in sides if (stop := _stop(graph, exact, side)) is not None]
    return Comparison(
        graph=graph,
        sides=(sides[0], sides[1]),
        compared=tuple(compared),
        divergences=tuple(divergences),
        checks=checks,
    )


def _compared(
    operator: Operator, exact: Mapping[str, Array], sides: Sequence[Side], ratios: tuple[float, float]
) -> Compared | None:
    tensor = operator.outputs[0]
    values = [side.value(tensor) for side in sides]
    if any(value is None or value.dtype.kind != "f" or value.shape != exact[tensor].shape for value in values):
        return None
    left, right = (widened(np.asarray(value)) for value in values)
    size = float(np.sqrt(np.mean(np.square(exact[tensor]))))
    difference = float(np.sqrt(np.mean(np.square(left - right))))
    relative = difference / size if size else float(difference > 0)
    return Compared(tensor=tensor, operator=operator, difference=relative, ratios=ratios)


def _stop(graph: Graph, exact: Mapping[str, Array], side: Side) -> Finding | None:
    """Return where a target stops, if it has no logits and nothing before was wrong."""
    if graph.output in side.matches:
        return None
    missing = [op for op in graph.operators if op.outputs[0] in graph.dynamic and op.outputs[0] not in side.matches]
    # What an engine fused away is missing too: the stop comes after the last value that it has.
    known = [index for index, op in enumerate(graph.operators) if op.outputs[0] in side.matches]
    after = [op for op in missing if graph.operators.index(op) > max(known, default=-1)]
    operator = after[0]
    reads = tuple(side.matches[name].name for name in operator.inputs if name in side.matches)
    return Finding(
        side=side,
        fault=Fault.FAILED,
        operator=operator,
        tensor=operator.outputs[0],
        value="",
        inputs=reads,
        expected=exact[operator.outputs[0]],
        found=np.zeros(0),
        ratio=np.inf,
        allowed=0.0,
        bounds=np.zeros(1),
    )
