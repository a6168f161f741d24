"""How far a result may be off for no other reason than the number format it was computed in.

An operator is judged on the very inputs that it read, so errors of earlier operators are no part of it. What is left
is the rounding of its result, of its constants and of its sums. The bounds are those of Higham, *Accuracy and
Stability of Numerical Algorithms* (2002), chapters 3 and 4, with the length of a sum under a square root (Higham and
Mary, *A new approach to probabilistic rounding error analysis*, 2019): worst cases over hundreds of terms never occur
and would hide faults.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inkport.benchmarks.checks.debug.graph import Array, Graph, Operator, widened
from inkport.core.target import Precision


FP32, FP16, BF16 = 2.0**-24, 2.0**-11, 2.0**-8
"""Unit roundoffs: half the distance of 1 to the next number."""
ROUNDOFF = {
    Precision.FP32: FP32,
    Precision.FP16: FP16,
    Precision.BF16: BF16,
    Precision.INT8: FP32,
    Precision.W8: FP16,
    Precision.PAL6: FP16,
    Precision.PAL4: FP16,
}
"""Unit roundoff of what a precision computes in floating point; quantized values are judged apart."""
SMALLEST = {FP16: 2.0**-14}
"""Smallest number that a format holds with full precision, by unit roundoff; others reach far below what occurs."""
STANDARD_ERRORS = 6.0
"""The constant before the square root: errors of sums exceed it with a chance of 2 exp(-18) each."""
ROUNDINGS = 4
"""Roundings in a row that an engine may need for one operator, for example the parts of a normalisation."""
FUNCTION_ULPS = 16.0
"""Error of an approximated function (exp, tanh, erf, ...), in units in the last place; engines document 1 to 10."""
MOVES = frozenset(
    {
        "Concat",
        "Expand",
        "Flatten",
        "Gather",
        "Identity",
        "Pad",
        "Reshape",
        "Slice",
        "Split",
        "Squeeze",
        "Tile",
        "Transpose",
        "Unsqueeze",
    }
)
"""Operators that only move values."""
SUMS = frozenset({"Conv", "Gemm", "MatMul"})
"""Operators that multiply and sum."""
SMOOTH = frozenset({"Elu", "Erf", "Exp", "Gelu", "HardSigmoid", "HardSwish", "LogSoftmax", "Mish", "Sigmoid", "Tanh"})
"""Functions computed by approximation."""


def explained(
    graph: Graph, operator: Operator, inputs: Sequence[Array | None], result: Array, *, precision: Precision
) -> Array:
    """Return how far each number of an operator's first result may be off.

    Args:
        graph: Where the operator is from.
        operator: The operator.
        inputs: What it read.
        result: What it gives exactly.
        precision: What the engine computed in.

    Returns:
        float64 of the result's shape, 0 or more.
    """
    if result.dtype.kind != "f":
        # Quantised: rounding may go either way where a value lies between two steps. Shapes are exact.
        return np.full(result.shape, 1.0 if operator.kind == "QuantizeLinear" else 0.0)
    unit = ROUNDOFF[precision]
    values = [widened(value) for value in inputs if value is not None and value.dtype.kind == "f"]
    rounding: Array = ROUNDINGS * unit * (np.abs(result) + SMALLEST.get(unit, 0.0))
    kind = operator.kind
    if kind in MOVES | {"DequantizeLinear", "Relu", "MaxPool"}:
        more: Array = np.zeros(1)
    elif kind in SUMS:
        more = _products(graph, operator, inputs, unit)
    elif kind == "Softmax":
        more = _softmax(operator, values[0], result, unit)
    elif kind == "LayerNormalization":
        more = _normalisation(operator, values, result, unit)
    elif kind in SMOOTH:
        more = FUNCTION_ULPS * unit * np.maximum(np.abs(result), np.abs(result).max(initial=0) * 0.01)
    elif kind in {"Add", "Sub", "Sum"}:
        more = ROUNDINGS * unit * np.sum([np.broadcast_to(np.abs(value), result.shape) for value in values], axis=0)
    else:
        more = _sensitivity(graph, operator, inputs, result, _relative(inputs, unit))
    return np.asarray(rounding + more)


def _relative(inputs: Sequence[Array | None], unit: float) -> list[Array | None]:
    """Return what rounding may change in each input that has digits to round."""
    return [None if v is None or v.dtype.kind != "f" else np.abs(widened(v)) * unit for v in inputs]


def carried(
    graph: Graph, operator: Operator, inputs: Sequence[Array | None], result: Array, errors: Sequence[Array | None]
) -> Array:
    """Return how far a result may be off because its inputs may be: errors of values that nobody could observe.

    Args:
        graph: Where the operator is from.
        operator: The operator.
        inputs: What it read.
        result: What it gives exactly.
        errors: How far each input may be off; None for not at all.
    """
    if result.dtype.kind != "f" or all(error is None for error in errors):
        return np.zeros(result.shape)
    if operator.kind in MOVES:
        # The values' errors move as they do.
        moved = [_or_zero(value, error) for value, error in zip(inputs, errors, strict=True)]
        return np.asarray(np.abs(graph.compute(operator, moved)[0]))
    if operator.kind in {"Conv", "MatMul"} and errors[0] is not None:
        weights = [errors[0], *(np.abs(widened(value)) for value in inputs[1:2] if value is not None)]
        return graph.compute(operator, [*weights, *[None] * (len(inputs) - 2)])[0]
    return _sensitivity(graph, operator, inputs, result, errors)


def _or_zero(value: Array | None, error: Array | None) -> Array | None:
    if value is None or value.dtype.kind != "f":
        return value
    return np.zeros(value.shape) if error is None else error


def _products(graph: Graph, operator: Operator, inputs: Sequence[Array | None], unit: float) -> Array:
    """Products and sums: the magnitude of all terms, times the rounding of one and of the sum."""
    least = SMALLEST.get(unit, 0.0)
    magnitudes = [None if value is None else np.abs(widened(value)) + least for value in inputs]
    size = graph.compute(operator, magnitudes)[0]
    weight = magnitudes[1]
    assert weight is not None  # noqa: S101 - ONNX requires it
    terms = weight[0].size if operator.kind == "Conv" else weight.shape[-2] if weight.ndim > 1 else len(weight)
    if operator.kind == "Gemm" and operator.attributes.get("transB"):
        terms = weight.shape[-1]
    # Both factors may have been rounded to the format; sums are fp32 sums in every format that inkport targets.
    return np.asarray(np.abs(size) * (2 * (unit if unit > FP32 else 0.0) + STANDARD_ERRORS * np.sqrt(terms + 1) * FP32))


def _softmax(operator: Operator, x: Array, result: Array, unit: float) -> Array:
    """Relative error of exp: that of its argument, absolute."""
    axis = operator.attributes.get("axis", -1)
    depth = x.max(axis=axis, keepdims=True) - x
    sums = STANDARD_ERRORS * np.sqrt(x.shape[axis]) * FP32
    return np.asarray(result * (unit * (depth + FUNCTION_ULPS) + sums + FP32 * FUNCTION_ULPS))


def _normalisation(operator: Operator, values: Sequence[Array], result: Array, unit: float) -> Array:
    """Mean and variance are sums; a variance much smaller than the square of the mean loses digits to it."""
    x, scale = values[0], np.abs(values[1])
    first = operator.attributes.get("axis", -1) % x.ndim
    axes = tuple(range(first, x.ndim))
    count = np.prod([x.shape[axis] for axis in axes])
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    spread = np.sqrt(variance + operator.attributes.get("epsilon", 1e-5))
    share = (np.square(x).mean(axes, keepdims=True)) / (spread**2)
    normal = np.abs(x - mean) / spread
    sums = STANDARD_ERRORS * np.sqrt(count) * FP32
    inner = normal * share * sums + (np.abs(mean) / spread) * sums + ROUNDINGS * unit * normal
    bias = np.abs(values[2]) if len(values) > 2 else np.zeros(1)
    return np.asarray(inner * scale + np.broadcast_to(ROUNDINGS * unit * bias, result.shape))


def _sensitivity(
    graph: Graph, operator: Operator, inputs: Sequence[Array | None], result: Array, errors: Sequence[Array | None]
) -> Array:
    """Observed: the operator on inputs moved up and down at random by what they may be off.

    Source:
        Vignes, *A stochastic arithmetic for reliable scientific computation* (1993).
    """
    signs = np.random.default_rng(0)
    largest = np.zeros(result.shape)
    for _ in range(4):
        moved = [
            value if value is None or error is None else widened(value) + error * signs.choice([-1.0, 1.0], value.shape)
            for value, error in zip(inputs, errors, strict=True)
        ]
        largest = np.maximum(largest, np.abs(graph.compute(operator, moved)[0] - result))
    return np.asarray(STANDARD_ERRORS * largest)
