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
SMOOTH = frozenset({"Elu", "Exp", "Gelu", "LogSoftmax", "Mish"})
"""Functions computed by approximation."""
BOUNDED = frozenset({"Erf", "Sigmoid", "Tanh"})
"""The same, but of values within -1..1: engines approximate these to so many units in the last place of 1."""
HARD = {"HardSigmoid": (0.2, 0.5), "HardSwish": (1 / 6, 0.5)}
"""Pieces of straight lines, with ONNX's defaults of their slope ``alpha`` and their height ``beta`` at 0."""
MEANS = frozenset({"AveragePool", "GlobalAveragePool", "ReduceMean", "ReduceSum"})
"""Operators that only sum, and divide by how many there are."""
RECURRENT = frozenset({"GRU", "LSTM", "RNN"})
"""Operators in which the rounding of one time step is an input of the next."""


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
        # Quantized: rounding may go either way where a value lies between two steps. Shapes are exact.
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
    elif kind in MEANS:
        more = _means(graph, operator, inputs, result)
    elif kind in RECURRENT:
        more = _recurrence(graph, operator, inputs, result, unit)
    elif kind in HARD.keys() | BOUNDED | SMOOTH:
        more = _function(operator, values[0], result, unit)
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


def _means(graph: Graph, operator: Operator, inputs: Sequence[Array | None], result: Array) -> Array:
    """Sums: the magnitude of all terms, times the rounding of the sum; what is summed may cancel out."""
    magnitudes = [None if value is None else np.abs(widened(value)) for value in inputs]
    terms = max(1, sum(np.size(value) for value in inputs[:1] if value is not None) // max(1, result.size))
    if (window := operator.attributes.get("kernel_shape")) is not None:
        terms = int(np.prod(window))
    return np.asarray(graph.compute(operator, magnitudes)[0] * STANDARD_ERRORS * np.sqrt(terms + 1) * FP32)


def _recurrence(graph: Graph, operator: Operator, inputs: Sequence[Array | None], result: Array, unit: float) -> Array:
    """What a step rounds, in its products and in its sums, as the recurrence itself carries it on, and its functions.

    Each step reads a part of the input of its own, so that moving the input at random rounds every step by itself. The
    functions' error is absolute: gates that are all but closed have few digits, however exact their sums are. Seen with
    weights drawn at random, up to 96 units and 300 steps, in ONNX Runtime 1.32 and OpenVINO 2026.4: 0.6 of this bound
    at most, unless the recurrence is chaotic.
    """
    rounded = [None if error is None else 2 * error for error in _relative(inputs, unit)]
    return np.asarray(_sensitivity(graph, operator, inputs, result, rounded) + FUNCTION_ULPS * unit)


def _function(operator: Operator, x: Array, result: Array, unit: float) -> Array:
    """Functions of one number; ``alpha * x + beta`` has parts that may cancel out, and HardSwish multiplies it by x."""
    if operator.kind in BOUNDED:
        return np.full(1, FUNCTION_ULPS * unit)
    if operator.kind in SMOOTH:
        return np.asarray(FUNCTION_ULPS * unit * np.maximum(np.abs(result), np.abs(result).max(initial=0) * 0.01))
    slope, height = HARD[operator.kind]
    alpha, beta = operator.attributes.get("alpha", slope), operator.attributes.get("beta", height)
    error = ROUNDINGS * unit * (np.abs(alpha * x) + abs(beta))
    return np.asarray(error * np.abs(x) if operator.kind == "HardSwish" else error)


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


LEVELS = {Precision.INT8: 256, Precision.W8: 256, Precision.PAL6: 64, Precision.PAL4: 16}
"""Values that a quantized number can take."""
SLACK = 6.0
"""How many times larger than the best possible the error of a quantized activation may be.

One bit goes where signed steps cover what is never negative, and a range for all lines can be three times that of one.
"""
WEIGHT_SLACK = 3.0
"""The same for a weight, whose values are known at export: one bit goes where 8 would overflow in 16-bit sums."""
SHARES = np.linspace(1.0, 0.2, 17)
"""Shares of the whole range that the search for the best steps tries."""
MOST = 20_000
"""Most values that the search looks at, evenly spaced."""


def best_error(values: Array, levels: int) -> float:
    """Return the least root mean square error of ``levels`` even steps, 0 among them, for these values."""
    flat = np.asarray(values, dtype=np.float64).ravel()
    flat = flat[:: max(1, flat.size // MOST)]
    low, high = min(0.0, flat.min(initial=0)), max(0.0, flat.max(initial=0))
    if low == high:
        return 0.0
    errors = []
    for share in SHARES:
        step = (high - low) * share / (levels - 1)
        first, last = np.round(low * share / step), np.round(high * share / step)
        errors.append(np.mean((np.clip(np.round(flat / step), first, last) * step - flat) ** 2))
    return float(np.sqrt(min(errors)))


def activation_ratio(exact: Array, found: Array, levels: int) -> float:
    """Return the error of a quantized activation, in units of what its levels explain; above 1 is too much."""
    found = found.astype(np.float64)
    noise = float(np.finfo(np.float32).eps) * float(np.abs(exact).max(initial=0))
    error = float(np.sqrt(np.mean((found - exact) ** 2)))
    allowed = SLACK * best_error(exact, levels) + noise
    ratio = error / allowed if allowed else (float("inf") if error else 0.0)
    return max(ratio, _beside_the_steps(exact, found, noise))


def bias_ratio(exact: Array, found: Array, result: Array, levels: int) -> float:
    """Return the change of a bias, in units of the noise that quantizing brings to the result that it is added to."""
    change = float(np.abs(found.astype(np.float64) - exact).max(initial=0))
    allowed = SLACK * best_error(result, levels)
    return change / allowed if allowed else np.inf


def _beside_the_steps(exact: Array, found: Array, noise: float) -> float:
    """Return the largest error of a value that is not cut off, in half steps, the rounding of the steps allowed for."""
    steps = np.diff(np.unique(found))
    inner = (found > found.min()) & (found < found.max())
    if not inner.any() or not (steps := steps[steps > noise]).size:
        return 0.0
    # The smallest step seen may be several of the quantizer's: then this allows too much, never too little.
    return float(np.abs(found - exact)[inner].max() / (0.51 * steps.min() + 4 * noise))


def weight_ratio(exact: Array, found: Array, precision: Precision, unit: float) -> float:
    """Return the error of a stored weight, in units of what its precision explains; above 1 is too much.

    Args:
        exact: The weight.
        found: What the target stores, expanded.
        precision: The target's precision.
        unit: Unit roundoff of its floating point.
    """
    difference, peak = np.abs(found.astype(np.float64) - exact), float(np.abs(exact).max(initial=0))
    if precision not in LEVELS or not peak:
        # Folding a batch norm in subtracts numbers as large as the largest of its bias, in an order of its own.
        allowed = 2 * unit * np.abs(exact) + 8 * 2.0**-24 * peak
        return float(np.max(difference / np.where(allowed, allowed, np.finfo(np.float64).tiny), initial=0))
    half_step = peak / (LEVELS[precision] / 2 - 1) / 2
    if LEVELS[precision] == 256:
        return float(difference.max() / (WEIGHT_SLACK * half_step))
    # The values of a palette lie where weights are many; those far from all others may be off by more than a step.
    return float(np.sqrt(np.mean(difference**2)) / (WEIGHT_SLACK * half_step))
