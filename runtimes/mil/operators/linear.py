"""Matrix products."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt


Array = npt.NDArray[Any]


def linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """Return x (..., d) times ``weight`` (k, d), transposed, plus ``bias`` (k,)."""
    product: Array = x @ weight.T
    return product if bias is None else np.asarray(product + bias)


def matmul(x: Array, y: Array, transpose_x: Array | bool = False, transpose_y: Array | bool = False) -> Array:
    """Return the products of the last two axes, each side transposed first if asked for."""
    left = x.swapaxes(-1, -2) if transpose_x else x
    right = y.swapaxes(-1, -2) if transpose_y else y
    return np.asarray(np.matmul(left, right))


OPERATORS: Mapping[str, Callable[..., Any]] = {"linear": linear, "matmul": matmul}
