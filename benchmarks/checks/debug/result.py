"""What `inkport diagnose operators` found, as one JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inkport.benchmarks.checks.debug.judge import Comparison, Fault, Finding
from inkport.benchmarks.checks.debug.pairing import Side
from inkport.benchmarks.checks.debug.reproduction import Reproduction
from inkport.benchmarks.report.envelope import Check
from inkport.benchmarks.run.request import Options


@dataclass(frozen=True, kw_only=True)
class DebugOptions(Options):
    """What `inkport diagnose operators` is asked for."""

    line: str = ""
    """Id of the line."""


@dataclass(frozen=True, kw_only=True)
class TracedTarget:
    """What `inkport diagnose operators` finds out about one of the two targets."""

    matched: dict[str, int]
    """How many tensors of the graph were matched, by the way of matching."""
    unmatched: tuple[str, ...]
    """Tensors of the graph that it has no value for: fused away, or behind the point where it stops."""
    session_difference: float | None
    """Largest difference between the session's own logits, operators fused, and those of the trace; absent where it
    has none."""
    session_ratio: float | None
    """The same, in units of what the rounding of the trace explains; above 1 the fault is in a fused operator."""
    note: str
    """What is special about its trace; usually empty."""

    @property
    def fused_fault(self) -> bool:
        """Whether its session is off by more than rounding explains."""
        return (self.session_ratio or 0.0) > 1


@dataclass(frozen=True, kw_only=True)
class ValueRecord:
    """A value that went into a divergent operator."""

    name: str
    """Its name in the target."""
    shape: tuple[int, ...]
    """Its shape."""
    dtype: str
    """Its type."""


@dataclass(frozen=True, kw_only=True)
class DivergenceRecord:
    """A place where a target parts from the graph by more than its precision explains."""

    target: str
    """Which target."""
    fault: str
    """What is off: ``operator``, ``quantizer``, ``weight``, ``shape`` or ``failed``."""
    operator: str
    """Name of the graph's operator; for a quantizer or weight, the one that reads it."""
    kind: str
    """Its type."""
    tensor: str
    """The graph's tensor that is off."""
    target_operator: str
    """Name of the target's operator that computes it."""
    target_kind: str
    """Its type."""
    matched: str
    """How the tensor was matched; empty for a weight or a quantized value, which stand between tensors."""
    inputs: tuple[ValueRecord, ...]
    """What went in."""
    shape: tuple[int, ...]
    """Shape of what came out."""
    difference: float | None
    """Largest absolute difference to what was to come out; absent where the shapes differ or nothing came out."""
    explained: float
    """What precision explains where the ratio is largest; for a quantizer, of the root mean square."""
    ratio: float | None
    """Difference in units of what precision explains; absent where the shapes differ or nothing came out."""
    reproduction: str | None
    """Folder of the reproduction; written for the first divergence."""
    reproduced: bool | None
    """Whether the reproduction, run alone, showed the difference; absent where there is none."""


@dataclass(frozen=True, kw_only=True)
class TensorRecord:
    """A tensor that both targets have."""

    tensor: str
    """Its name in the graph."""
    operator: str
    """Name of the operator that computes it."""
    kind: str
    """Its type."""
    difference: float
    """Root mean square of the difference between both, relative to the tensor's; earlier errors are in it."""
    ratio_a: float
    """Own error of the first target here, in units of what its precision explains."""
    ratio_b: float
    """The same of the second."""


@dataclass(frozen=True, kw_only=True)
class Divergences:
    """What `inkport diagnose operators` finds out about both targets.

    ``model`` is the graph whose operators both are judged by.
    """

    width: int
    """Prepared width of the line, in pixels."""
    checks: int
    """Comparisons made: operators, quantizers and weights of both."""
    divergences: tuple[DivergenceRecord, ...]
    """Where they part, the first one first."""
    tensors: tuple[TensorRecord, ...]
    """How the difference grows."""


DEBUG = Check("debug", DebugOptions, (Divergences,), (TracedTarget,))
"""The first operator where two targets part by more than their precisions explain."""


def divergence_record(finding: Finding, written: Reproduction | None) -> DivergenceRecord:
    """Return a finding in the document's form."""
    side = finding.side
    own = side.items.get(finding.value)
    if finding.fault is Fault.QUANTIZER:
        own = side.quantizer(finding.value)
    match = side.matches.get(finding.tensor)
    return DivergenceRecord(
        target=side.label,
        fault=str(finding.fault),
        operator=finding.operator.name,
        kind=finding.operator.kind,
        tensor=finding.tensor,
        target_operator=own.operator if own is not None else finding.operator.name,
        target_kind=own.kind if own is not None else finding.operator.kind,
        matched=match.how if match is not None and match.name == finding.value else "",
        inputs=tuple(
            ValueRecord(name=name, shape=side.items[name].value.shape, dtype=str(side.items[name].value.dtype))
            for name in finding.inputs
        ),
        shape=finding.found.shape,
        difference=_finite(finding.difference),
        explained=finding.allowed,
        ratio=_finite(finding.ratio),
        reproduction=None if written is None else str(written.folder),
        reproduced=None if written is None else written.shows,
    )


def tensor_records(comparison: Comparison) -> tuple[TensorRecord, ...]:
    """Return what both targets have, in the graph's order."""
    return tuple(
        TensorRecord(
            tensor=entry.tensor,
            operator=entry.operator.name,
            kind=entry.operator.kind,
            difference=entry.difference,
            ratio_a=min(entry.ratios[0], float(np.finfo(np.float64).max)),
            ratio_b=min(entry.ratios[1], float(np.finfo(np.float64).max)),
        )
        for entry in comparison.compared
    )


def unmatched(comparison: Comparison, side: Side) -> tuple[str, ...]:
    """Return the tensors, shapes left out, that a target has no value for."""
    graph = comparison.graph
    names: Sequence[str] = [op.outputs[0] for op in graph.operators if op.outputs[0] in graph.dynamic]
    shapes = {"Shape", "Size"}
    return tuple(name for name in names if name not in side.matches and graph.producers[name].kind not in shapes)


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
