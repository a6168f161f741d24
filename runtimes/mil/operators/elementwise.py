"""Arithmetic on each element with numpy's broadcasting, functions of one value, means and norms."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt


Array = npt.NDArray[Any]

_CASTS = {"fp16": np.float32, "fp32": np.float32, "int32": np.int32, "bool": np.bool_}
"""What a cast computes in; the evaluator rounds to fp16 by the output's type."""


def cast(x: Array, dtype: str) -> Array:
    """Convert to another type; towards zero where it has no fractions."""
    if dtype not in _CASTS:
        raise ValueError(f"dtype {dtype!r} is not supported")
    return x.astype(_CASTS[dtype])


def add(x: Array, y: Array) -> Array:
    """Return x + y."""
    return np.add(x, y)


def sub(x: Array, y: Array) -> Array:
    """Return x - y."""
    return np.subtract(x, y)


def mul(x: Array, y: Array) -> Array:
    """Return x * y."""
    return np.multiply(x, y)


def real_div(x: Array, y: Array) -> Array:
    """Return x / y of floats."""
    return np.true_divide(x, y)


def minimum(x: Array, y: Array) -> Array:
    """Return the smaller one."""
    return np.minimum(x, y)


def maximum(x: Array, y: Array) -> Array:
    """Return the larger one."""
    return np.maximum(x, y)


def square(x: Array) -> Array:
    """Return x * x."""
    return np.square(x)


def sqrt(x: Array) -> Array:
    """Return the square root."""
    return np.sqrt(x)


def rsqrt(x: Array, epsilon: Array | float = 1e-12) -> Array:
    """Return 1 / sqrt(x + epsilon)."""
    inverse: Array = 1 / np.sqrt(x + epsilon)
    return inverse


# numpy has no erf, and an approximation would have an error of its own.
_erf = np.frompyfunc(math.erf, 1, 1)


def relu(x: Array) -> Array:
    """Return max(x, 0)."""
    return np.asarray(np.maximum(x, x.dtype.type(0)))


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x))."""
    positive: Array = 1 / (1 + np.exp(-x))
    return positive


def sigmoid_hard(x: Array, alpha: Array | float = 0.2, beta: Array | float = 0.5) -> Array:
    """Return alpha * x + beta, within 0 .. 1."""
    return np.asarray(np.clip(x * alpha + beta, 0, 1).astype(x.dtype))


def tanh(x: Array) -> Array:
    """Return the hyperbolic tangent."""
    return np.tanh(x)


def silu(x: Array) -> Array:
    """Return x * sigmoid(x)."""
    return x * sigmoid(x)


def gelu(x: Array, mode: str = "EXACT") -> Array:
    """Return x * P(X <= x) for a normal X, exactly or by the approximation that ``mode`` names."""
    if mode == "EXACT":
        below = 0.5 * (1 + np.asarray(_erf(x / math.sqrt(2)), dtype=x.dtype))
    elif mode == "TANH_APPROXIMATION":
        below = 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    elif mode == "SIGMOID_APPROXIMATION":
        below = sigmoid(1.702 * x)
    else:
        raise ValueError(f"mode {mode!r} is not supported")
    return np.asarray(x * below)


def softmax(x: Array, axis: Array) -> Array:
    """Return exp(x) divided by its sum over an axis."""
    exponentials = np.exp(x - x.max(axis=int(axis), keepdims=True))
    shares: Array = exponentials / exponentials.sum(axis=int(axis), keepdims=True)
    return shares


def reduce_mean(x: Array, axes: Array | None = None, keep_dims: Array | bool = False) -> Array:
    """Return the mean over ``axes``, all of them if left out."""
    over = None if axes is None else tuple(int(axis) for axis in axes)
    return np.asarray(x.mean(axis=over, keepdims=bool(keep_dims)))


def layer_norm(
    x: Array,
    axes: Array,
    gamma: Array | None = None,
    beta: Array | None = None,
    epsilon: Array | float = 1e-5,
) -> Array:
    """Shift and scale to mean 0 and variance 1 over ``axes``, then times ``gamma`` plus ``beta``."""
    over = tuple(sorted(int(axis) % x.ndim for axis in axes))
    centred = x - x.mean(axis=over, keepdims=True)
    normal = centred / np.sqrt(np.square(centred).mean(axis=over, keepdims=True) + epsilon)
    shape = [size if axis in over else 1 for axis, size in enumerate(x.shape)]
    scaled = normal if gamma is None else normal * gamma.reshape(shape)
    moved: Array = scaled if beta is None else scaled + beta.reshape(shape)
    return moved


OPERATORS: Mapping[str, Callable[..., Any]] = {
    "cast": cast,
    "add": add,
    "sub": sub,
    "mul": mul,
    "real_div": real_div,
    "minimum": minimum,
    "maximum": maximum,
    "square": square,
    "sqrt": sqrt,
    "rsqrt": rsqrt,
    "relu": relu,
    "sigmoid": sigmoid,
    "sigmoid_hard": sigmoid_hard,
    "tanh": tanh,
    "silu": silu,
    "gelu": gelu,
    "softmax": softmax,
    "reduce_mean": reduce_mean,
    "layer_norm": layer_norm,
}
