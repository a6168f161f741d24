"""Means over axes, and layer norm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt


Array = npt.NDArray[Any]


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


OPERATORS: Mapping[str, Callable[..., Any]] = {"reduce_mean": reduce_mean, "layer_norm": layer_norm}
