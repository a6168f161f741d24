"""Tensors as files: ``.npy`` version 1.0, little-endian float32 in C order, which any language can read."""

from __future__ import annotations

import io
import math

import numpy as np
import numpy.typing as npt

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
    buffer = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(buffer)  # type: ignore[no-untyped-call]
        if version != (1, 0):
            raise _corrupt(name, f"npy version {version}")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(buffer)  # type: ignore[no-untyped-call]
    except (ValueError, OSError, EOFError) as error:
        raise _corrupt(name, str(error).splitlines()[0]) from error
    if dtype.str != "<f4" or (fortran and len(shape) > 1):
        raise _corrupt(name, f"{dtype.str} {shape}{', Fortran order' if fortran else ''}")
    # Before anything is allocated: a header can claim any shape.
    if 4 * math.prod(shape) != len(data) - buffer.tell():
        raise _corrupt(name, f"shape {shape} with {len(data) - buffer.tell()} bytes of values")
    return np.frombuffer(data, "<f4", offset=buffer.tell()).astype(np.float32).reshape(shape)


def _corrupt(name: str, found: str) -> ArtifactCorruptError:
    return ArtifactCorruptError(
        f"{name}: {found}, expected little-endian float32 values in an .npy file of version 1.0, C order",
        remedy="docs/kit.md says how tensors are written",
    )
