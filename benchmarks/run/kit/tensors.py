"""Tensors as files: ``.npy`` version 1.0, little-endian float32 in C order, which any language can read."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt

from inkport.core.arrays import parse_npy
from inkport.core.errors import ArtifactCorruptError


Array = npt.NDArray[np.float32]


def to_npy(array: Array) -> bytes:
    """Return the bytes of a ``.npy`` file."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array, "<f4"), allow_pickle=False)
    return buffer.getvalue()


def from_npy(data: bytes, *, name: str) -> Array:
    """Read what ``to_npy`` or another program wrote.

    Args:
        data: The file's content.
        name: What to call it in errors.

    Returns:
        float32, of any shape; its values need not be finite.

    Raises:
        ArtifactCorruptError: If it is anything but a little-endian float32 array in C order.
    """
    try:
        return parse_npy(data, dtype="<f4").astype(np.float32)
    except ValueError as error:
        raise ArtifactCorruptError(
            f"{name}: {error}, expected little-endian float32 values in an .npy file of version 1.0, C order",
            remedy="docs/kit.md says how tensors are written",
        ) from error
