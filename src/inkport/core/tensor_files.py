"""Tensors as the child protocol hands them over: files of little-endian values in C order, without a header."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from inkport.core.errors import RuntimeExecutionError


DTYPES = ("float32", "uint8")
"""What tensors can be made of; the first is what every child takes."""


def write_tensor(file: Path, values: npt.NDArray[Any]) -> None:
    """Write a tensor of one of ``DTYPES``."""
    values.astype("u1" if values.dtype == np.uint8 else "<f4", copy=False).tofile(file)


def read_tensor(file: Path, shape: object, *, label: str, dtype: str = DTYPES[0]) -> npt.NDArray[Any]:
    """Read a tensor that another process wrote.

    Args:
        file: Where it should be.
        shape: The shape that the child named.
        label: Names the child in errors.
        dtype: One of ``DTYPES``.

    Raises:
        RuntimeExecutionError: If ``shape`` is none, or the file has not as many values.
    """
    if not is_shape(shape):
        raise RuntimeExecutionError(f"{label}: named {shape!r} as the shape of a tensor, expected a list of lengths")
    kind = np.dtype(dtype)
    found, expected = file.stat().st_size if file.is_file() else "no", kind.itemsize * math.prod(shape)
    if found != expected:
        raise RuntimeExecutionError(f"{label}: wrote {found} bytes, {kind.name} of shape {shape} has {expected}")
    return np.fromfile(file, kind.newbyteorder("<")).astype(kind, copy=False).reshape(shape)


def is_shape(shape: object) -> TypeGuard[list[int]]:
    """Return whether a parsed answer holds a shape: a list of lengths."""
    return isinstance(shape, list) and all(type(length) is int and length >= 0 for length in shape)
