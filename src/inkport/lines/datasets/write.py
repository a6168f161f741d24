"""Writing line sets in Parquet, in the form that ``inkport.lines.parquet`` reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from inkport.core.errors import LineDataError
from inkport.core.files import new_file


ROWS_PER_GROUP = 256
"""Lines held in memory while writing, and read at once later."""


@dataclass(frozen=True, kw_only=True)
class LineRow:
    """One line with what is known about it; the columns of the file."""

    image: bytes
    """The encoded image."""
    text: str
    """Its transcription."""
    id: str
    """Its name."""
    dataset: str
    """Its data set."""
    writer: str | None
    """Who wrote it; None where the source does not say."""
    document: str | None
    """What it is a part of; None where the source does not say."""
    seen_writer: bool
    """Whether the writer may be known from training."""
    split: str
    """Its split."""
    language: str
    """BCP 47 tag."""
    licence: str
    """What its licence asks."""


def write_parquet(rows: Iterable[LineRow], path: Path) -> int:
    """Write lines in the Hugging Face image convention and return their number; the file is complete or not there.

    Raises:
        LineDataError: If there is no row, or pyarrow is missing.
        OSError: If the disk refuses.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError as error:
        raise LineDataError(
            f"{path}: writing Parquet needs pyarrow", remedy="pip install 'inkport[parquet]'"
        ) from error
    text = {name: pa.string() for name in ("text", "id", "dataset", "writer", "document")}
    picture = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    more = {"seen_writer": pa.bool_(), "split": pa.string(), "language": pa.string(), "licence": pa.string()}
    schema = pa.schema({"image": picture, **text, **more})
    remaining = iter(rows)
    written = 0
    with new_file(path) as draft, pq.ParquetWriter(draft, schema) as file:
        while group := list(islice(remaining, ROWS_PER_GROUP)):
            file.write_table(pa.Table.from_pylist([_record(row) for row in group], schema=schema))
            written += len(group)
        if not written:
            raise LineDataError(f"{path}: no line to write")
    return written


def _record(row: LineRow) -> dict[str, Any]:
    return asdict(row) | {"image": {"bytes": row.image, "path": row.id}}
