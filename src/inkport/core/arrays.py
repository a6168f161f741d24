"""Reading ``.npy`` and ``.npz`` from elsewhere: nothing is allocated that the file does not hold, or unpickled."""

from __future__ import annotations

import io
import math
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.reading import FAULTS, read_bytes, read_member, unpacked_fault


NPZ_BYTES = 256 << 20
"""Largest ``.npz`` file; the language model that comes with inkport has 3 MB."""
UNPACKED_BYTES = 512 << 20
"""Most that a ``.npz`` file may unpack to, in bytes."""


def parse_npy(data: bytes, *, dtype: str) -> npt.NDArray[Any]:
    """Return the array in a ``.npy`` file.

    Args:
        data: The file's content.
        dtype: numpy's name of the only type that is taken, with its byte order: ``<f4``.

    Returns:
        The array, of any shape, not to be written to.

    Raises:
        ValueError: If it is anything but a file of version 1.0 with an array of that type in C order, whole.
    """
    buffer = io.BytesIO(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            version = np.lib.format.read_magic(buffer)  # type: ignore[no-untyped-call]
            if version != (1, 0):
                raise ValueError(f"npy version {version}")
            shape, fortran, found = np.lib.format.read_array_header_1_0(buffer)  # type: ignore[no-untyped-call]
        except Exception as error:
            # The head is a Python literal, and what reads it stumbles in many ways: TokenError, MemoryError...
            raise ValueError(str(error).splitlines()[0] if str(error) else type(error).__name__) from error
    if found.str != dtype or (fortran and len(shape) > 1):
        raise ValueError(f"{found.str} {shape}{', Fortran order' if fortran else ''}")
    # Before anything is allocated: a header can claim any shape.
    values = len(data) - buffer.tell()
    if not all(0 <= length <= len(data) for length in shape) or found.itemsize * math.prod(shape) != values:
        raise ValueError(f"shape {shape} with {values} bytes of values")
    return np.frombuffer(data, dtype, offset=buffer.tell()).reshape(shape)


def read_npz(path: Path, dtypes: dict[str, str] | str) -> dict[str, npt.NDArray[Any]]:
    """Return arrays of a ``.npz`` file.

    Args:
        path: The file.
        dtypes: Names of the arrays to read with their types, as in ``parse_npy``; or one type of all arrays.

    Raises:
        OSError: If the file cannot be read or is too large.
        ValueError: If it is damaged, lacks an array, or unpacks to more than is allowed (``inkport.core.reading``).
    """
    data = read_bytes(path, limit=NPZ_BYTES)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            wanted = dict.fromkeys(members, dtypes) if isinstance(dtypes, str) else dtypes
            if missing := sorted(wanted.keys() - members.keys()):
                raise ValueError(f"it holds no array {missing[0]!r}")
            if fault := unpacked_fault((members[name] for name in wanted), len(data), most=UNPACKED_BYTES):
                raise ValueError(fault)
            return {name: parse_npy(read_member(archive, members[name]), dtype=t) for name, t in wanted.items()}
    except FAULTS as error:
        raise ValueError(str(error)) from error
