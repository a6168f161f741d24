"""LAM (Ludovico Antonio Muratori): line images and one JSON list per split."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from inkport.core.documents import read_json
from inkport.core.errors import LineDataError
from inkport.lines.datasets.layout import Listed, Split, check_name, collapsed, find_place, read_file


WRITER = "muratori"
"""He wrote all of it."""


def list_lam(root: Path, split: Split) -> Iterator[Listed]:
    """Yield the lines of the basic split; the decade stands for the document.

    Raises:
        LineDataError: If a part of the layout is missing or malformed.
    """
    lines = find_place(root, "lines", "LAM/lines")
    images = find_place(lines, "img")
    path = find_place(lines, f"split/basic/{split}.json")
    for number, record in enumerate(_read(path)):
        where = f"{path}: entry {number}"
        name, text = _field(record, "img", where), _field(record, "text", where)
        file = images / check_name(name, path)
        decade = record.get("decade_id")
        yield Listed(
            id=name,
            text=collapsed(text),
            writer=WRITER,
            document="" if decade is None else f"decade-{decade}",
            image=partial(read_file, file),
            missing="" if file.is_file() else f"no image {file.relative_to(root)}",
        )


def _read(path: Path) -> list[dict[str, Any]]:
    records = read_json(path, error=LineDataError)
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise LineDataError(f"{path}: expected a list of objects with img and text")
    return records


def _field(record: dict[str, Any], key: str, where: str) -> str:
    value = record.get(key)
    if not isinstance(value, str):
        raise LineDataError(f"{where}: {key} is {value!r}, expected a text (found keys {sorted(record)})")
    return value
