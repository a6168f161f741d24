"""Arithmetic on each element, with numpy's broadcasting, and casts."""

from __future__ import annotations

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
}
