"""MIL's operators in numpy, by kind; a function's parameters have MIL's names and MIL's defaults.

Arguments are arrays (fp16 ones widened to float32), strings, or tuples of arrays; a result is an array, or a
tuple for operators with several outputs. The evaluator rounds it to the type that the program declares. A
``ValueError`` says which attribute value is not supported.

Source:
    The operators' documentation,
    https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from inkport.runtimes.mil.arithmetic import ARITHMETIC, Array


def reshape(x: Array, shape: Array) -> Array:
    """Read the values on in another shape; one size may be -1."""
    if (shape < -1).any() or (shape == 0).any():
        raise ValueError(f"shape {shape.tolist()} is not supported: sizes are positive, or -1 once")
    return x.reshape([int(size) for size in shape])


def transpose(x: Array, perm: Array) -> Array:
    """Put the axes in another order."""
    return x.transpose([int(axis) for axis in perm])


def squeeze(x: Array, axes: Array | None = None) -> Array:
    """Drop axes of size 1, all of them if left out."""
    return x.squeeze(None if axes is None else tuple(int(axis) for axis in axes))


def expand_dims(x: Array, axes: Array) -> Array:
    """Insert axes of size 1."""
    return np.expand_dims(x, tuple(int(axis) for axis in axes))


def concat(values: tuple[Array, ...], axis: Array, interleave: Array | bool = False) -> Array:
    """Join arrays along an axis; numbers become one value each."""
    if interleave:
        raise ValueError("interleave True is not supported")
    return np.concatenate([np.atleast_1d(value) for value in values], axis=int(axis))


def slice_by_index(
    x: Array,
    begin: Array,
    end: Array,
    *,
    stride: Array | None = None,
    begin_mask: Array | None = None,
    end_mask: Array | None = None,
    squeeze_mask: Array | None = None,
) -> Array:
    """Return ``x[begin:end:stride]`` on each axis.

    Args:
        x: The values.
        begin: First index, per axis; negative ones count from the end.
        end: Index behind the last one, per axis.
        stride: Step, per axis; 1 if left out.
        begin_mask: Axes that start where the axis does, whatever ``begin`` says.
        end_mask: Axes that go on to the end, whatever ``end`` says.
        squeeze_mask: Axes of which only index ``begin`` is taken, and which are dropped.
    """
    none = np.zeros(x.ndim, dtype=bool)
    from_start, to_end, single = (none if m is None else m for m in (begin_mask, end_mask, squeeze_mask))
    steps = np.ones(x.ndim, dtype=np.int32) if stride is None else stride
    index: list[int | slice] = []
    for axis in range(x.ndim):
        first, behind = int(begin[axis]), int(end[axis])
        span = slice(None if from_start[axis] else first, None if to_end[axis] else behind, int(steps[axis]))
        index.append(first if single[axis] else span)
    return np.asarray(x[tuple(index)])


def gather(
    x: Array,
    indices: Array,
    axis: Array | int = 0,
    batch_dims: Array | int = 0,
    validate_indices: Array | bool = False,  # noqa: ARG001 - numpy always does
) -> Array:
    """Return the entries of an axis that ``indices`` names."""
    if batch_dims:
        raise ValueError(f"batch_dims {batch_dims} is not supported")
    return np.asarray(x.take(indices, axis=int(axis)))


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


def pad(x: Array, pad: Array, mode: str = "constant", constant_val: Array | float = 0.0) -> Array:
    """Put a value before and after the last axes; ``pad`` has two counts for each of them."""
    if mode != "constant":
        raise ValueError(f"mode {mode!r} is not supported")
    margins = [(int(before), int(after)) for before, after in pad.reshape(-1, 2)]
    return np.pad(x, [(0, 0)] * (x.ndim - len(margins)) + margins, constant_values=x.dtype.type(constant_val))


OPERATORS: Mapping[str, Callable[..., Any]] = {
    **ARITHMETIC,
    "reshape": reshape,
    "transpose": transpose,
    "squeeze": squeeze,
    "expand_dims": expand_dims,
    "concat": concat,
    "pad": pad,
    "slice_by_index": slice_by_index,
    "gather": gather,
    "shape": lambda x: np.array(x.shape, dtype=np.int32),
    "range_1d": lambda end, start, step: np.arange(start, end, step, dtype=end.dtype),
    "constexpr_affine_dequantize": constexpr_affine_dequantize,
    "constexpr_lut_to_dense": constexpr_lut_to_dense,
}
"""Every operator that the evaluator knows, by MIL's name: those that inkport's networks are converted to."""
