"""Line sets in Parquet, in the Hugging Face image convention.

Columns: ``image`` (a struct of ``bytes`` and ``path``) and ``text``; optional ``id``, ``dataset``,
``writer_or_document`` or ``writer``, ``seen_writer``, ``split``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inkport.core.errors import LineDataError
from inkport.lines.line import Line
from inkport.lines.tables import open_table


def read_parquet(path: Path) -> Iterator[Line]:
    """Yield the lines of one Parquet file, in order.

    Raises:
        LineDataError: If pyarrow is missing, the file is not Parquet, a required column is absent, or a row
            names its image's file without holding its bytes.
    """
    with open_table(path) as table:
        if missing := {"image", "text"} - set(table.names):
            raise LineDataError(
                f"{path}: no column {sorted(missing)}, found {sorted(set(table.names))}",
                remedy="follow the Hugging Face image convention: image{bytes, path} and text",
            )
        row = 0
        for batch in table.batches():
            for record in batch.to_pylist():
                yield _line(record, path, row)
                row += 1


def _line(record: dict[str, Any], path: Path, row: int) -> Line:
    return Line(
        id=str(record.get("id") or f"{path.stem}:{row}"),
        image=_image_bytes(record["image"], f"{path}: row {row}"),
        text=str(record["text"] or ""),
        dataset=str(record.get("dataset") or path.stem),
        writer=str(record.get("writer") or ""),
        document=str(record.get("document") or record.get("writer_or_document") or ""),
        seen_writer=bool(record.get("seen_writer")),
        split=str(record.get("split") or ""),
    )


def _image_bytes(image: object, where: str) -> bytes:
    """Return the encoded image; nothing at all is one bad line, which an audit reports while the others are good."""
    if image is None:
        return b""
    if isinstance(image, dict):
        encoded = image.get("bytes")
        if isinstance(encoded, bytes):
            return encoded
        if encoded is None and not image.get("path"):
            return b""
    raise LineDataError(
        f"{where} has no image bytes", remedy="store the encoded file in image.bytes, not only its path"
    )
