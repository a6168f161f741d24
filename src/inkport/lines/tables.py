"""Reading Parquet files within limits: a kilobyte of Parquet can stand for gigabytes.

A value that a column's dictionary holds once can be repeated in every row for a bit each, and pages are compressed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inkport.core.errors import LineDataError
from inkport.core.reading import open_regular


FREE_BYTES = 64 << 20
"""What any file may unpack to, in bytes, however small it is."""
RATIO = 100
"""How many times its own size a file may unpack to beyond that. Encoded images come to 1, raw bitmaps to about 30."""
BATCH_BYTES = 64 << 20
"""Most bytes that a batch may come to if every row repeats the largest value that its columns can hold."""
BATCH_ROWS = 256
"""Most rows decoded at once."""
REMEDY = "write the file again, with images encoded as PNG"


class Table:
    """A Parquet file that is open.

    Args:
        path: Its path, for errors.
        file: pyarrow's view of it.
        size: Its size, in bytes.
    """

    def __init__(self, path: Path, file: Any, size: int) -> None:
        self.path, self._file, self._allowed = path, file, FREE_BYTES + RATIO * size
        try:
            self.names: list[str] = list(file.schema_arrow.names)
        except Exception as error:
            raise _unreadable(path, error) from error
        rows = file.metadata.num_rows
        if not 0 <= rows <= size:
            raise LineDataError(f"{path}: {rows} rows in {size} bytes, so most of them are empty", remedy=REMEDY)

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Yield the rows as record batches, in order.

        Args:
            columns: Names of the columns to read; all by default.

        Raises:
            LineDataError: If the file is damaged, or unpacks to more than is allowed.
        """
        total = unpacked = 0
        for group in range(self._file.num_row_groups):
            # Not of single columns: pyarrow ends the process over damage there. No value is larger than all of a group.
            largest = self._file.metadata.row_group(group).total_byte_size
            unpacked += largest
            self._check(unpacked)
            rows = max(1, min(BATCH_ROWS, BATCH_BYTES // max(largest, 1)))
            batches = self._file.iter_batches(batch_size=rows, row_groups=[group], columns=columns)
            while True:
                try:
                    batch = next(batches, None)
                except Exception as error:
                    raise _unreadable(self.path, error) from error
                if batch is None:
                    break
                total += batch.nbytes
                self._check(total)
                yield batch

    def _check(self, total: int) -> None:
        if total > self._allowed:
            raise LineDataError(
                f"{self.path}: unpacks to more than {self._allowed} bytes, the most for a file of its size",
                remedy=REMEDY,
            )


@contextmanager
def open_table(path: Path) -> Iterator[Table]:
    """Open a Parquet file.

    Raises:
        LineDataError: If pyarrow is missing, or the file cannot be read, is not Parquet, or has more rows than bytes.
    """
    try:
        import pyarrow.parquet as pq
    except ModuleNotFoundError as error:
        raise LineDataError(
            f"{path}: reading Parquet needs pyarrow", remedy="pip install 'inkport[parquet]'"
        ) from error
    try:
        file = open_regular(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    with file:
        try:
            table = pq.ParquetFile(file)
        except Exception as error:
            raise _unreadable(path, error) from error
        yield Table(path, table, os.fstat(file.fileno()).st_size)


def _unreadable(path: Path, error: Exception) -> LineDataError:
    return LineDataError(f"{path}: not a readable Parquet file ({str(error) or type(error).__name__})")
