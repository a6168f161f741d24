"""Functions of one value each, and softmax."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt


Array = npt.NDArray[Any]

# numpy has no erf, and an approximation would have an error of its own.
_erf = np.frompyfunc(math.erf, 1, 1)


def relu(x: Array) -> Array:
    """Return max(x, 0)."""
    return np.asarray(np.maximum(x, x.dtype.type(0)))


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x))."""
    positive: Array = 1 / (1 + np.exp(-x))
    return positive


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


OPERATORS: Mapping[str, Callable[..., Any]] = {
    "relu": relu,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "silu": silu,
    "gelu": gelu,
    "softmax": softmax,
}
