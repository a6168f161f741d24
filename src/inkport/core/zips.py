"""Unpacking zip archives from elsewhere: within limits, whatever their heads say."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable


FREE_BYTES = 64 << 20
"""What any archive may unpack to, in bytes, however small it is."""
RATIO = 20
"""How many times its own size an archive may unpack to beyond that. Kits come to 2 or 3 times, language models to 4;
deflate can reach 1,000."""
FAULTS = (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)
"""What ``zipfile`` raises on damaged archives."""


def unpacked_fault(infos: Iterable[zipfile.ZipInfo], packed: int, *, most: int) -> str | None:
    """Return why an archive is not to be unpacked; members may share their packed bytes, so their number says nothing.

    Args:
        infos: The members to unpack.
        packed: Size of the archive, in bytes.
        most: Most bytes that any archive of its kind may unpack to.
    """
    total, allowed = sum(info.file_size for info in infos), min(most, FREE_BYTES + RATIO * packed)
    if total <= allowed:
        return None
    return f"{total} bytes when unpacked, at most {allowed} are for an archive of {packed} bytes"


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return the content of a member; ``ZipFile.read`` would unpack all there is before it looks at the size.

    Raises:
        zipfile.BadZipFile: If its size or checksum is not what the archive says; any of ``FAULTS`` for other damage.
    """
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # The others are unpacked without a limit, whatever is asked of them.
        raise zipfile.BadZipFile(f"{info.filename!r} is packed otherwise than by deflate")
    with archive.open(info) as file:
        data = file.read(info.file_size + 1)
    if len(data) != info.file_size:
        raise zipfile.BadZipFile(f"{info.filename!r} has {len(data)} bytes, {info.file_size} are announced")
    return data
