"""What a Parquet file unpacks to, from the heads of its pages: the file's own summary need not agree with them.

Source:
    https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift for the numbers of fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from inkport.lines.thrift import ThriftReader


SUMMARY_BYTES = 16 << 20
"""Largest summary at the end of a file; one of 1,000 groups of 8 columns has 1 MB."""
HEAD_BYTES = 256
"""What is read of a page's head at first; those with statistics may be longer."""

_DICTIONARY_PAGE = 2
# Plain values, indices into the dictionary, runs and packed integers: none of them repeats bytes of an earlier value.
_PLAIN = frozenset({0, 2, 3, 4, 5, 8})


@dataclass(frozen=True, kw_only=True)
class GroupSizes:
    """Sizes of a row group."""

    rows: int
    """Rows."""
    unpacked: int
    """Bytes of all pages when unpacked."""
    repeatable: int
    """Most bytes of one value that other rows may repeat for nearly nothing."""


def group_sizes(file: BinaryIO) -> Iterator[GroupSizes]:
    """Yield the sizes of each row group.

    Args:
        file: The Parquet file.

    Raises:
        ValueError: If it is none, or is damaged.
    """
    size = file.seek(0, 2)
    file.seek(max(0, size - 8))
    tail = file.read(8)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != b"PAR1" or not 0 < length <= min(size - 12, SUMMARY_BYTES):
        raise ValueError(f"no summary of at most {SUMMARY_BYTES} bytes at its end")
    file.seek(size - 8 - length)
    try:
        groups = ThriftReader(file.read(length)).struct().get(4, [])
        for group in groups:
            pages = [page for column in group[1] for page in _pages(file, column[3], size)]
            yield GroupSizes(
                rows=group[3],
                unpacked=sum(head[2] for head in pages),
                repeatable=max((head[2] for head in pages if _repeats(head)), default=0),
            )
    except (IndexError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"its heads are damaged ({error!r})") from error


def _pages(file: BinaryIO, column: dict[int, Any], size: int) -> Iterator[dict[int, Any]]:
    """Yield the heads of a column's pages in a group."""
    dictionary, place = column.get(11, 0), column[9]
    if 0 < dictionary < place:
        place = dictionary
    end = place + column[7]
    if not 0 < place <= end <= size:
        raise ValueError(f"a column from byte {place} to {end} of {size}")
    while place < end:
        head, length = _head(file, place, end)
        if not (head[2] >= 0 and head[3] >= 0):
            raise ValueError(f"a page of {head[2]} bytes")
        yield head
        place += length + head[3]


def _head(file: BinaryIO, place: int, end: int) -> tuple[dict[int, Any], int]:
    """Return the head of a page, and its length in bytes."""
    wanted = HEAD_BYTES
    while True:
        file.seek(place)
        reader = ThriftReader(file.read(min(wanted, end - place)))
        try:
            return reader.struct(), reader.place
        except IndexError:
            if wanted >= end - place:
                raise
            wanted *= 16


def _repeats(head: dict[int, Any]) -> bool:
    if head[1] == _DICTIONARY_PAGE:
        return True
    encoding = head[5][2] if 5 in head else head[8][4] if 8 in head else 0
    return encoding not in _PLAIN
