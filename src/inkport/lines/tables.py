"""Reading Parquet files within limits: a kilobyte of Parquet can stand for gigabytes.

A value that a column's dictionary holds once can be repeated in every row for a bit each, and pages are compressed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from inkport.core.errors import LineDataError, needing
from inkport.core.reading import open_regular


DEPTH = 16
"""Deepest nesting; Parquet's heads go down to six."""

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)


class ThriftReader:
    """Reads structs in Thrift's compact protocol, as far as the heads in Parquet files need it; nothing is believed.

    pyarrow ends the process over some damage to them (a histogram of the wrong size in 26.0), and says nothing of
    pages.

    Source:
        https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md

    Args:
        data: The bytes.
        place: Where to begin.
    """

    def __init__(self, data: bytes, place: int = 0) -> None:
        self.data, self.place = data, place

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Return the fields of a struct by their numbers; lists and structs in them as lists and dicts.

        Raises:
            IndexError: If the data end within it.
            ValueError: If it is none.
        """
        found: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._signed()
            kind = head & 15
            found[number] = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        if depth > DEPTH:
            raise ValueError(f"nested deeper than {DEPTH} levels")
        if kind in (_I16, _I32, _I64):
            return self._signed()
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in (_LIST, _SET):
            head = self._byte()
            count = self._unsigned() if head >> 4 == 15 else head >> 4
            return [self._value(head & 15, depth + 1) for _ in range(self._room(count))]
        if kind == _MAP:
            count = self._room(self._unsigned())
            kinds = self._byte() if count else 0
            return [(self._value(kinds >> 4, depth + 1), self._value(kinds & 15, depth + 1)) for _ in range(count)]
        if kind in (_TRUE, _FALSE, _BYTE):
            return self._byte()
        if kind in (_DOUBLE, _BINARY):
            return self._take(8 if kind == _DOUBLE else self._unsigned())
        raise ValueError(f"a value of type {kind}")

    def _byte(self) -> int:
        self.place += 1
        return self.data[self.place - 1]

    def _room(self, count: int) -> int:
        """Return a number of values, each of which takes at least a byte."""
        if count > len(self.data) - self.place:
            raise IndexError(f"{count} values")
        return count

    def _take(self, count: int) -> bytes:
        self.place += self._room(count)
        return self.data[self.place - count : self.place]

    def _unsigned(self) -> int:
        found = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            found |= (byte & 127) << shift
            if byte < 128:
                return found
        raise ValueError("a number without end")

    def _signed(self) -> int:
        found = self._unsigned()
        return found >> 1 ^ -(found & 1)


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

    The numbers of fields are those of
    https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift.

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


FREE_BYTES = 64 << 20
"""What any file may unpack to, in bytes, however small it is."""
RATIO = 100
"""How many times its own size a file may unpack to beyond that. Encoded images come to 1, raw bitmaps to about 30."""
BATCH_BYTES = 64 << 20
"""What a batch may come to, in bytes, if every row repeats the largest value that can be repeated."""
BATCH_ROWS = 256
"""Most rows decoded at once."""
REMEDY = "write the file again, with images encoded as PNG"


class Table:
    """A Parquet file that is open.

    Args:
        path: Its path, for errors.
        file: pyarrow's view of it.
        sizes: What its groups of rows unpack to.
        allowed: Most bytes that all its rows may come to.
    """

    def __init__(self, path: Path, file: Any, sizes: Sequence[GroupSizes], allowed: int) -> None:
        self.path, self._file, self._sizes, self._allowed = path, file, sizes, allowed
        try:
            self.names: list[str] = list(file.schema_arrow.names)
        except Exception as error:
            raise unreadable(path, error) from error
        if file.num_row_groups != len(sizes):
            raise LineDataError(f"{path}: not a readable Parquet file (its groups of rows are damaged)")

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Yield the rows as record batches, in order.

        Args:
            columns: Names of the columns to read; all by default.

        Raises:
            LineDataError: If the file is damaged, or unpacks to more than is allowed.
        """
        total = 0
        for group, sizes in enumerate(self._sizes):
            dearest = max(sizes.repeatable, sizes.unpacked // max(sizes.rows, 1), 1)
            rows = max(1, min(BATCH_ROWS, BATCH_BYTES // dearest))
            batches = self._file.iter_batches(batch_size=rows, row_groups=[group], columns=columns)
            while True:
                try:
                    batch = next(batches, None)
                except Exception as error:
                    raise unreadable(self.path, error) from error
                if batch is None:
                    break
                total += batch.nbytes
                check_total(self.path, total, self._allowed)
                yield batch


@contextmanager
def open_table(path: Path) -> Iterator[Table]:
    """Open a Parquet file.

    Raises:
        LineDataError: If the file cannot be read, is not Parquet, or has more rows than bytes.
        RuntimeUnavailableError: If pyarrow is missing.
    """
    with needing(f"{path}: reading Parquet", extra="parquet"):
        import pyarrow.parquet as pq
    try:
        file = open_regular(path)
    except OSError as error:
        raise unreadable(path, error) from error
    with file:
        size = os.fstat(file.fileno()).st_size
        allowed = FREE_BYTES + RATIO * size
        try:
            sizes = list(group_sizes(file))
            _check_sizes(path, sizes, size, allowed)
            file.seek(0)
            table = pq.ParquetFile(file)
        except LineDataError:
            raise
        except Exception as error:
            raise unreadable(path, error) from error
        yield Table(path, table, sizes, allowed)


def _check_sizes(path: Path, sizes: Sequence[GroupSizes], size: int, allowed: int) -> None:
    rows = sum(group.rows for group in sizes)
    if not 0 <= rows <= size:
        raise LineDataError(f"{path}: {rows} rows in {size} bytes, so most of them are empty", remedy=REMEDY)
    check_total(path, sum(group.unpacked for group in sizes), allowed)


def check_total(path: Path, total: int, allowed: int) -> None:
    """Refuse a file that unpacks to more than is allowed.

    Raises:
        LineDataError: If it does.
    """
    if total > allowed:
        raise LineDataError(
            f"{path}: unpacks to more than {allowed} bytes, the most for a file of its size", remedy=REMEDY
        )


def unreadable(path: Path, error: Exception) -> LineDataError:
    """Return the error for a file that cannot be read for a reason."""
    return LineDataError(f"{path}: not a readable Parquet file ({str(error) or type(error).__name__})")
