"""Each operator of the graph, judged on what a target put into it and what it got out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from inkport.benchmarks.checks.debug.graph import Array, Graph, Operator, widened
from inkport.benchmarks.checks.debug.precision import ROUNDOFF, carried, explained
from inkport.benchmarks.checks.debug.quantiser import LEVELS, activation_ratio, bias_ratio, weight_ratio
from inkport.benchmarks.checks.debug.side import Leaves, Side
from inkport.core.target import Precision


CLAMPS = frozenset({"Relu", "Clip"})
"""Operators that a quantizer's range can do the work of."""


class Fault(StrEnum):
    """In what way a target parts from the graph."""

    OPERATOR = "operator"
    """The operator's result is not what its inputs give."""
    QUANTISER = "quantiser"
    """A quantized value is further from the exact one than its steps explain."""
    WEIGHT = "weight"
    """A weight is not the graph's."""
    SHAPE = "shape"
    """The result has another shape."""
    FAILED = "failed"
    """The engine stops before it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Finding:
    """One comparison of a target with the graph."""

    side: Side
    """The target."""
    fault: Fault
    """What was compared; a fault only where ``ratio`` is above 1."""
    operator: Operator
    """The graph's operator, or the one that reads what was compared."""
    tensor: str
    """The graph's tensor."""
    value: str
    """Name of the target's value."""
    inputs: tuple[str, ...]
    """Names of the target's values that it was computed from."""
    expected: Array
    """What they give."""
    found: Array
    """What the target has."""
    ratio: float
    """The largest difference, in units of what precision explains."""
    allowed: float
    """What precision explains where the ratio is largest; for a quantizer, of the root mean square."""
    bounds: Array
    """What precision explains for each number; one number for all where ``allowed`` holds for all."""

    @property
    def difference(self) -> float:
        """The largest absolute difference; infinite where shapes differ."""
        if self.expected.shape != self.found.shape:
            return np.inf
        return float(np.abs(self.expected.astype(np.float64) - self.found.astype(np.float64)).max(initial=0))


@dataclass
class Judge:
    """Walks through the graph for one target."""

    graph: Graph
    """What is to be computed."""
    side: Side
    """What was computed."""
    _seen: set[str] = field(default_factory=set)

    def findings(self, operator: Operator) -> Iterator[Finding]:
        """Compare what an operator reads and what it gives; nothing where the target has no value for its result."""
        tensor = operator.outputs[0]
        match = self.side.matches.get(tensor)
        if match is None or tensor not in self.graph.dynamic:
            return
        leaves = self.side.leaves(match.name)
        yield from self._weights(operator, leaves)
        yield from self._quantisers(operator, leaves)
        try:
            expected, allowed = self._computed(operator, leaves)
        except (ValueError, IndexError, RuntimeError):
            # What it reads has not the shape that it takes, which an earlier finding is about.
            return
        yield self._result(operator, match.name, leaves, expected, allowed)

    def _result(self, operator: Operator, name: str, leaves: Leaves, expected: Array, allowed: Array) -> Finding:
        found = np.asarray(self.side.items[name].value)
        if expected.dtype.kind == "f":
            # Quantised or not, a target may keep less than it computes in.
            found = widened(found)
        fault = Fault.OPERATOR if expected.shape == found.shape else Fault.SHAPE
        ratio, bound = (np.inf, 0.0) if fault is Fault.SHAPE else _worst(expected, found, allowed)
        inputs = (*leaves.direct.values(), *leaves.quantised.values())
        return Finding(
            side=self.side,
            fault=fault,
            operator=operator,
            tensor=operator.outputs[0],
            value=name,
            inputs=tuple(dict.fromkeys(inputs)),
            expected=expected,
            found=found,
            ratio=ratio,
            allowed=bound,
            bounds=allowed + np.finfo(np.float32).tiny,
        )

    def _quantisers(self, operator: Operator, leaves: Leaves) -> Iterator[Finding]:
        for tensor in operator.inputs:
            name = self._quantised(tensor, leaves)
            if name is None or name in self._seen:
                continue
            self._seen.add(name)
            source = self.side.quantiser(name).inputs[0]
            exact, found = self._before_quantiser(tensor), np.asarray(self.side.items[name].value)
            fits = exact.shape == found.shape
            levels = LEVELS.get(self.side.precision, LEVELS[Precision.INT8])
            ratio = activation_ratio(exact, found, levels) if fits else np.inf
            difference = float(np.sqrt(np.mean((exact - found) ** 2))) if fits else 0.0
            allowed = difference / ratio if ratio else 0.0
            yield Finding(
                side=self.side,
                fault=Fault.QUANTISER if fits else Fault.SHAPE,
                operator=operator,
                tensor=tensor,
                value=name,
                inputs=(source,),
                expected=exact,
                found=found,
                ratio=ratio,
                allowed=allowed,
                bounds=np.array(allowed),
            )

    def _weights(self, operator: Operator, leaves: Leaves) -> Iterator[Finding]:
        for tensor in operator.inputs:
            if tensor not in self.graph.constants or self.graph.constants[tensor].dtype.kind != "f":
                continue
            name = self._constant(tensor, leaves)
            if name is None or name in self._seen:
                continue
            self._seen.add(name)
            exact = self.graph.constants[tensor].astype(np.float64)
            found = _turned(np.asarray(self.side.items[name].value), exact)
            ratio = weight_ratio(exact, found, self.side.precision, ROUNDOFF[self.side.precision])
            result = self.side.value(operator.outputs[0])
            if ratio > 1 and exact.ndim == 1 and self.side.precision in LEVELS and result is not None:
                # Quantisers make up for the mean error of a product in the bias after it.
                ratio = bias_ratio(exact, found, result, LEVELS[self.side.precision])
            allowed = float(np.abs(found - exact).max(initial=0)) / ratio if ratio else 0.0
            yield Finding(
                side=self.side,
                fault=Fault.WEIGHT,
                operator=operator,
                tensor=tensor,
                value=name,
                inputs=(),
                expected=exact,
                found=found,
                ratio=ratio,
                allowed=allowed,
                bounds=np.array(allowed),
            )

    def _computed(self, operator: Operator, leaves: Leaves) -> tuple[Array, Array]:
        """Return an operator's first result from the target's values, and how far the target's may be off."""
        pairs = [self._resolved(name, leaves) if name else (None, None) for name in operator.inputs]
        values, errors = [value for value, _ in pairs], [error for _, error in pairs]
        result = self.graph.compute(operator, values)[0]
        allowed = explained(self.graph, operator, values, result, precision=self.side.precision)
        return result, allowed + carried(self.graph, operator, values, result, errors)

    def _resolved(self, tensor: str, leaves: Leaves) -> tuple[Array, Array | None]:
        """Return what the target has for a tensor, and how far that may be off where it has to be computed."""
        items = self.side.items
        if tensor in leaves.direct:
            return np.asarray(items[leaves.direct[tensor]].value), None
        if (quantised := self._quantised(tensor, leaves)) is not None:
            return np.asarray(items[quantised].value), None
        if tensor in self.graph.constants:
            exact = self.graph.constants[tensor]
            name = self._constant(tensor, leaves)
            return (exact if name is None else _turned(np.asarray(items[name].value), exact)), None
        if (value := self.side.value(tensor)) is not None:
            return value, None
        result, allowed = self._computed(self.graph.producers[tensor], leaves)
        return result, allowed if result.dtype.kind == "f" else None

    def _quantised(self, tensor: str, leaves: Leaves) -> str | None:
        """Return the quantized value that a tensor was read through, its Relu left to the quantizer or not."""
        if tensor in leaves.quantised:
            return leaves.quantised[tensor]
        producer = self.graph.producers.get(tensor)
        if producer is not None and producer.kind in CLAMPS and tensor not in self.side.matches:
            return leaves.quantised.get(producer.inputs[0])
        return None

    def _before_quantiser(self, tensor: str) -> Array:
        value = self.side.value(tensor)
        if value is not None:
            return widened(value)
        producer = self.graph.producers[tensor]
        inputs = [
            self.side.value(producer.inputs[0]),
            *(self.graph.constants.get(name) for name in producer.inputs[1:]),
        ]
        return self.graph.compute(producer, inputs)[0]

    def _constant(self, tensor: str, leaves: Leaves) -> str | None:
        """Return the target's own form of a weight: of those with its shape, turned or not, the nearest."""
        exact = self.graph.constants[tensor]
        near: Mapping[str, float] = {
            name: float(np.abs(_turned(value, exact) - exact).sum())
            for name in leaves.constants
            if exact.ndim
            and (value := np.asarray(self.side.items[name].value)).dtype.kind == "f"
            and value.shape in {exact.shape, exact.shape[::-1] if exact.ndim == 2 else exact.shape}
        }
        return min(near, key=lambda name: near[name], default=None)


def _turned(value: Array, exact: Array) -> Array:
    """Return a matrix the way round that the graph has it."""
    if value.ndim != 2 or (value.shape != exact.shape[::-1]):
        return value
    if value.shape != exact.shape:
        return value.T
    return value if np.abs(value - exact).sum() <= np.abs(value.T - exact).sum() else value.T


def _worst(expected: Array, found: Array, allowed: Array) -> tuple[float, float]:
    """Return the largest difference in units of what is allowed for it, and what is allowed there."""
    if not expected.size:
        return 0.0, 0.0
    if not np.isfinite(found.astype(np.float64)).all() and np.isfinite(expected).all():
        return np.inf, 0.0
    difference = np.abs(expected.astype(np.float64) - found.astype(np.float64))
    # No format resolves less than its smallest number.
    floor = allowed + np.finfo(np.float32).tiny
    ratios = np.where(difference == 0, 0.0, difference / floor)
    place = np.unravel_index(np.nanargmax(ratios), ratios.shape)
    return float(ratios[place]), float(floor[place])
