"""Tensors as the child protocol hands them over: files of little-endian float32 in C order, without a header."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TypeGuard

import numpy as np
import numpy.typing as npt

from inkport.core.errors import RuntimeExecutionError


def write_tensor(file: Path, values: npt.NDArray[np.float32]) -> None:
    """Write a tensor."""
    values.astype("<f4", copy=False).tofile(file)


def read_tensor(file: Path, shape: object, *, label: str) -> npt.NDArray[np.float32]:
    """Read a tensor that a child wrote.

    Args:
        file: Where it should be.
        shape: The shape that the child named.
        label: Names the child in errors.

    Raises:
        RuntimeExecutionError: If ``shape`` is none, or the file has not as many values.
    """
    if not is_shape(shape):
        raise RuntimeExecutionError(f"{label}: named {shape!r} as the shape of a tensor, expected a list of lengths")
    found, expected = file.stat().st_size if file.is_file() else "no", 4 * math.prod(shape)
    if found != expected:
        raise RuntimeExecutionError(f"{label}: wrote {found} bytes, shape {shape} has {expected}")
    return np.fromfile(file, "<f4").astype(np.float32, copy=False).reshape(shape)


def is_shape(shape: object) -> TypeGuard[list[int]]:
    """Return whether a parsed answer holds a shape: a list of lengths."""
    return isinstance(shape, list) and all(type(length) is int and length >= 0 for length in shape)
