"""Tensors as files: ``.npy`` version 1.0, little-endian float32 or bytes in C order, which any language can read."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt

from inkport.benchmarks.run.kit.stages import Values
from inkport.core.arrays import parse_npy
from inkport.core.errors import ArtifactCorruptError


Array = npt.NDArray[np.float32]
FLOATS, BYTES = "<f4", "|u1"
"""numpy's names of the two types that tensors have."""


def to_npy(array: Values) -> bytes:
    """Return the bytes of a ``.npy`` file: uint8 as it is, everything else as float32."""
    buffer = io.BytesIO()
    dtype = BYTES if array.dtype == np.uint8 else FLOATS
    np.save(buffer, np.ascontiguousarray(array, dtype), allow_pickle=False)
    return buffer.getvalue()


def from_npy(data: bytes, *, name: str, dtypes: tuple[str, ...] = (FLOATS,)) -> Values:
    """Read what ``to_npy`` or another program wrote.

    Args:
        data: The file's content.
        name: What to call it in errors.
        dtypes: The types that are taken, of ``FLOATS`` and ``BYTES``.

    Returns:
        float32 or uint8, of any shape; floats need not be finite.

    Raises:
        ArtifactCorruptError: If it is anything but such an array in C order.
    """
    faults: list[str] = []
    for dtype in dtypes:
        try:
            return parse_npy(data, dtype=dtype).astype(np.uint8 if dtype == BYTES else np.float32)
        except ValueError as error:
            faults.append(str(error))
    wanted = " or ".join({FLOATS: "little-endian float32 values", BYTES: "bytes"}[dtype] for dtype in dtypes)
    raise ArtifactCorruptError(
        f"{name}: {faults[0]}, expected {wanted} in an .npy file of version 1.0, C order",
        remedy="docs/kit.md says how tensors are written",
    )
