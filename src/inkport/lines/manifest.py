"""Line sets as TSV manifests: a table of image paths and texts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from inkport.core.errors import LineDataError
from inkport.lines.fields import PLAIN, Meaning, check_columns, to_line
from inkport.lines.folder import read_text
from inkport.lines.line import Line


MANIFEST_BYTES = 256 << 20
"""Largest manifest: one of a million lines has 100 MB."""


def read_manifest(path: Path, meaning: Meaning = PLAIN) -> Iterator[Line]:
    """Yield the lines of a TSV manifest (UTF-8), in order.

    The first row names the columns: ``image`` (a path relative to the manifest) and ``text``; optional
    ``id``, ``dataset``, ``writer``, ``document`` (or ``writer_or_document``), ``seen_writer`` (``true`` or ``false``),
    ``split``. Fields are never quoted. Empty rows at the end are none. A row that names no image is a bad image.

    Args:
        path: The file.
        meaning: What is said about its columns.

    Raises:
        LineDataError: If a required column is absent or one appears twice, a row has another number of fields, or a
            field is not what its column holds.
    """
    # Not splitlines(): texts may hold other line separators of Unicode.
    header, *rows = [row.split("\t") for row in read_text(path, limit=MANIFEST_BYTES).rstrip("\n").split("\n")]
    check_columns(header, meaning, f"{path}: the first row")
    for number, row in enumerate(rows, start=2):
        where = f"{path}: row {number}"
        if len(row) != len(header):
            raise LineDataError(
                f"{where} has {len(row)} fields, expected {len(header)}",
                remedy="separate fields by one tab; a text cannot hold a tab or a line end",
            )
        cells = dict(zip(header, row, strict=True))
        image = cells.pop("image")
        if "\0" in image:
            raise LineDataError(f"{where}: image is {image!r}, no path holds NUL", remedy="write the file's path")
        yield to_line(
            cells,
            image=path.parent / image if image else b"",
            name=image or f"{path.stem}:{number}",
            dataset=path.stem,
            meaning=meaning,
            where=where,
        )
