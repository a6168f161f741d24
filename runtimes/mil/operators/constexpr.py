"""Compressed weights, expanded when the package is loaded."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt


Array = npt.NDArray[Any]


def constexpr_affine_dequantize(quantized_data: Array, zero_point: Array, scale: Array, axis: Array) -> Array:
    """Return ``scale * (quantized_data - zero_point)``, one scale for all or one for each entry of an axis."""
    shape = [1] * quantized_data.ndim
    shape[int(axis)] = -1
    scales, zeros = (part.astype(np.float32).reshape(shape if part.ndim else []) for part in (scale, zero_point))
    return scales * (quantized_data.astype(np.float32) - zeros)


def constexpr_lut_to_dense(indices: Array, lut: Array, shape: Array) -> Array:
    """Look up every value in a palette; indices of log2(palette) bits are packed, lowest bit first."""
    bits, count = round(math.log2(len(lut))), math.prod(int(size) for size in shape)
    packed = np.unpackbits(indices, bitorder="little")[: bits * count].reshape(count, bits)
    places = packed @ (1 << np.arange(bits))
    return np.asarray(lut[places].reshape([int(size) for size in shape]))


OPERATORS: Mapping[str, Callable[..., Any]] = {
    "constexpr_affine_dequantize": constexpr_affine_dequantize,
    "constexpr_lut_to_dense": constexpr_lut_to_dense,
}
