"""Line sets as plain files: a folder of images with ``.gt.txt`` beside them, or a TSV manifest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from inkport.core.errors import LineDataError
from inkport.lines.line import Line


IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""Image files that a folder is searched for."""


def read_folder(path: Path) -> Iterator[Line]:
    """Yield a line per image of the folder that has a ``.gt.txt`` beside it, by name.

    The text of ``a.png`` (or ``a.nrm.png``) stands in ``a.gt.txt``, as in kraken and OCRopus. The
    folder's name is the data set; an image without a text is an error, because silence would lose it.

    Raises:
        LineDataError: If there is no image, or an image has no readable text file.
    """
    images = sorted(p for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
    if not images:
        raise LineDataError(f"{path}: no image here (looked for {', '.join(IMAGE_SUFFIXES)})")
    for image in images:
        stem = image.name.split(".", 1)[0]
        candidates = [image.with_suffix(".gt.txt"), image.with_name(f"{stem}.gt.txt")]
        truth = next((c for c in candidates if c.exists()), None)
        if truth is None:
            raise LineDataError(f"{image}: no transcription beside it, expected {candidates[0].name}")
        yield Line(id=image.name, image=image, text=_text(truth), dataset=path.name)


def read_manifest(path: Path) -> Iterator[Line]:
    """Yield the lines of a TSV manifest (UTF-8), in order.

    The first row names the columns: ``image`` (a path relative to the manifest) and ``text``; optional
    ``id``, ``dataset``, ``writer``, ``seen_writer`` (``true`` or ``false``), ``split``. Fields are never
    quoted.

    Raises:
        LineDataError: If a required column is absent or a row has another number of fields.
    """
    # Not splitlines(): texts may hold other line separators of Unicode.
    header, *rows = [row.split("\t") for row in _text(path).removesuffix("\n").split("\n")]
    if missing := {"image", "text"} - set(header):
        raise LineDataError(f"{path}: the first row lacks {sorted(missing)}, found {header}")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise LineDataError(f"{path}: row {number} has {len(row)} fields, expected {len(header)}")
        record = dict(zip(header, row, strict=True))
        seen = record.get("seen_writer", "false").lower()
        if seen not in {"true", "false"}:
            raise LineDataError(f"{path}: row {number}: seen_writer is {seen!r}, expected true or false")
        yield Line(
            id=record.get("id") or record["image"],
            image=path.parent / record["image"],
            text=record["text"],
            dataset=record.get("dataset") or path.stem,
            writer=record.get("writer", ""),
            seen_writer=seen == "true",
            split=record.get("split", ""),
        )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise LineDataError(f"{path}: cannot be read as UTF-8 text ({error})") from error
