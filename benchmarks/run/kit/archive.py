"""Zip archives with the same bytes for the same content, and their careful reading.

An archive from elsewhere may be damaged or made to harm: names that leave the folder, members that appear twice,
sizes that fill a disk. It is refused before anything of it is used.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.arrays import parse_npy
from inkport.core.errors import ArtifactCorruptError, ArtifactNotFoundError
from inkport.core.files import write_atomically
from inkport.core.reading import FAULTS, read_member, unpacked_fault


MEMBERS = 100_000
"""Most members of an archive."""
TOTAL_BYTES = 2 << 30
"""Largest sum of the members' sizes, unpacked; ``inkport.core.reading`` allows small archives less."""
NAME = re.compile(r"\w[\w.-]*(?:/\w[\w.-]*)*", re.ASCII)
"""What a member may be called: parts that start with a letter, a digit or ``_``, so that none is ``..`` or hidden."""
NAME_BYTES = 200
"""Longest name of a member."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time that every member bears: the earliest that a zip archive can hold."""


def write_archive(path: Path, members: Mapping[str, bytes]) -> None:
    """Write an archive, atomically; the same members in the same order give the same bytes.

    Args:
        path: The file; its folder is made if needed.
        members: Content by name; the names must match ``NAME``.

    Raises:
        ValueError: If a name does not.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            if fault := _name_fault(name):
                raise ValueError(fault)
            info = zipfile.ZipInfo(name, EPOCH)
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, data, zipfile.ZIP_DEFLATED, 9)
    write_atomically(path, buffer.getvalue())


class Archive:
    """An open archive whose directory has been checked; a member is unpacked when it is asked for.

    Args:
        path: The file.
        archive: The open archive.
        what: What it should be, for errors: ``kit`` or ``result``.

    Raises:
        ArtifactCorruptError: If its directory breaks one of the limits above.
    """

    def __init__(self, path: Path, archive: zipfile.ZipFile, *, what: str) -> None:
        self.path, self._archive, self._what = path, archive, what
        infos = archive.infolist()
        _check(path, infos)
        self._infos = {info.filename: info for info in infos}

    @property
    def sizes(self) -> Mapping[str, int]:
        """Size of each member by name, as its directory says, in bytes; nothing larger is ever unpacked."""
        return {name: info.file_size for name, info in self._infos.items()}

    def read(self, name: str, *, most: int) -> bytes:
        """Unpack a member that is there.

        Args:
            name: Its name.
            most: Its largest size, in bytes.

        Raises:
            ArtifactCorruptError: If it is larger, or damaged.
        """
        info = self._infos[name]
        if info.file_size > most:
            raise ArtifactCorruptError(f"{self.path}: {name} has {info.file_size} bytes, at most {most} are read")
        try:
            return read_member(self._archive, info)
        except FAULTS as error:
            raise damaged(self.path, error, what=self._what) from error


@contextmanager
def open_archive(path: Path, *, what: str) -> Iterator[Archive]:
    """Yield an archive of which nothing has been unpacked yet.

    Args:
        path: The file.
        what: What it should be, for errors: ``kit`` or ``result``.

    Raises:
        ArtifactNotFoundError: If there is no such file.
        ArtifactCorruptError: If it is not a zip archive, or breaks one of the limits above.
    """
    if not path.is_file():
        raise ArtifactNotFoundError(f"{path}: no such file", remedy=f"pass a {what} archive")
    try:
        archive = zipfile.ZipFile(path)
    except FAULTS as error:
        raise damaged(path, error, what=what) from error
    with archive:
        yield Archive(path, archive, what=what)


def damaged(path: Path, error: Exception, *, what: str) -> ArtifactCorruptError:
    """Return what to raise when ``zipfile`` cannot read on."""
    return ArtifactCorruptError(f"{path}: not a whole zip archive ({error})", remedy=f"copy the {what} again")


def _check(path: Path, infos: list[zipfile.ZipInfo]) -> None:
    if len(infos) > MEMBERS:
        raise ArtifactCorruptError(f"{path}: {len(infos)} members, at most {MEMBERS} are read")
    if fault := unpacked_fault(infos, path.stat().st_size, most=TOTAL_BYTES):
        raise ArtifactCorruptError(f"{path}: {fault}")
    seen: set[str] = set()
    for info in infos:
        # ``filename`` is what zipfile made of it: cut at a NUL, with other separators.
        if fault := _name_fault(info.orig_filename):
            raise ArtifactCorruptError(f"{path}: {fault}")
        if info.filename.lower() in seen:
            raise ArtifactCorruptError(f"{path}: the member {info.filename!r} appears twice")
        seen.add(info.filename.lower())
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
            raise ArtifactCorruptError(f"{path}: the member {info.filename!r} is encrypted or not packed by deflate")


def _name_fault(name: str) -> str | None:
    if len(name) <= NAME_BYTES and NAME.fullmatch(name):
        return None
    return f"a member is called {name[:NAME_BYTES]!r}: not a plain relative path of letters, digits, '_', '-' and '.'"


Array = npt.NDArray[np.float32]
Values = npt.NDArray[Any]
"""Values of a stage: float32, or uint8 where the stage is bytes."""
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
        remedy="inkport's documentation (docs/kit.md) says how tensors are written",
    )
