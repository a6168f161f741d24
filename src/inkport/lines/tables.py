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
from inkport.lines.parquet_sizes import GroupSizes, group_sizes


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
