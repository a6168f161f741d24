"""Tensors as the child protocol hands them over: little-endian float32, or bytes, in C order, without a header."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from inkport.core.errors import RuntimeExecutionError


def write_tensor(file: Path, values: npt.NDArray[np.float32] | npt.NDArray[np.uint8]) -> None:
    """Write a tensor."""
    (values if values.dtype == np.uint8 else values.astype("<f4", copy=False)).tofile(file)


def read_tensor(
    file: Path, shape: object, *, label: str, dtype: type[np.float32 | np.uint8] = np.float32
) -> npt.NDArray[Any]:
    """Read a tensor that a child wrote.

    Args:
        file: Where it should be.
        shape: The shape that the child named.
        label: Names the child in errors.
        dtype: What it is to hold, float32 or uint8.

    Raises:
        RuntimeExecutionError: If ``shape`` is none, or the file has not as many values.
    """
    if not is_shape(shape):
        raise RuntimeExecutionError(f"{label}: named {shape!r} as the shape of a tensor, expected a list of lengths")
    stored = np.dtype(dtype).newbyteorder("<")
    found, expected = file.stat().st_size if file.is_file() else "no", stored.itemsize * math.prod(shape)
    if found != expected:
        raise RuntimeExecutionError(f"{label}: wrote {found} bytes, {stored.name} of shape {shape} has {expected}")
    return np.fromfile(file, stored).astype(dtype, copy=False).reshape(shape)


def is_shape(shape: object) -> TypeGuard[list[int]]:
    """Return whether a parsed answer holds a shape: a list of lengths."""
    return isinstance(shape, list) and all(type(length) is int and length >= 0 for length in shape)
