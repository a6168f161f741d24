"""Data sets that come as images of lines: the IAM Handwriting Database as FKI packs it, and LAM with its JSON lists."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from inkport.core.documents import read_json
from inkport.core.errors import LineDataError
from inkport.lines.datasets.layout import (
    DOCUMENT,
    Listed,
    Split,
    check_name,
    collapsed,
    find_place,
    read_file,
    read_names,
    read_text,
)
from inkport.lines.safe_xml import parse_xml


LISTS = {
    Split.TRAIN: ("splits/train.uttlist", "splits/train.txt", "splits/trainset.txt"),
    Split.VAL: ("splits/validation.uttlist", "splits/validation.txt", "splits/validationset1.txt"),
    Split.TEST: ("splits/test.uttlist", "splits/test.txt", "splits/testset.txt"),
}
"""Lists of form ids (``a01-000u``) or line ids (``a01-000u-00``): those of the Aachen split, and FKI's own names."""
_NAME = re.compile(r"(?P<form>(?P<group>[a-z]\d\d)-\d\d\d[a-z]?)(-\d\d)?")
# The attributes are escaped twice; "&amp;" last, so that nothing is unescaped a third time.
_ESCAPES = (("&quot;", '"'), ("&apos;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))

Form = list[tuple[str, str, str]]
"""The lines of a form: id, transcription, writer (empty if unknown)."""


def list_iam(root: Path, split: Split) -> Iterator[Listed]:
    """Yield the lines of a split, transcribed as in ``xml/`` (no space before a comma), as the literature does.

    Raises:
        LineDataError: If a part of the layout is missing or malformed.
    """
    folder = find_place(root, "xml")

    def form(name: str) -> Form | None:
        path = folder / f"{name}.xml"
        return _read_form(path, name) if path.exists() else None

    yield from _list(root, split, form, transcriptions="xml/{}.xml")


def list_iam_ascii(root: Path, split: Split) -> Iterator[Listed]:
    """Yield the lines of a split, transcribed as in ``lines.txt``: each punctuation mark stands apart.

    Raises:
        LineDataError: If a part of the layout is missing or malformed.
    """
    forms = _read_table(find_place(root, "ascii/lines.txt", "lines.txt"), _writers(root))
    yield from _list(root, split, forms.get, transcriptions="lines of {} in lines.txt")


def _list(root: Path, split: Split, form: Callable[[str], Form | None], *, transcriptions: str) -> Iterator[Listed]:
    images = find_place(root, "lines")
    path = find_place(root, *LISTS[split])
    for name in read_names(path):
        match = _NAME.fullmatch(name)
        if match is None:
            raise LineDataError(
                f"{path}: {name!r} is neither a form (a01-000u) nor a line (a01-000u-00)",
                remedy=f"use the lists that {DOCUMENT} names",
            )
        lines = form(match["form"])
        if lines is None:
            yield Listed(id=name, missing=f"no {transcriptions.format(match['form'])}")
            continue
        chosen = [line for line in lines if name in {match["form"], line[0]}]
        if not chosen:
            yield Listed(id=name, missing="no transcription of this line")
        for line, text, writer in chosen:
            file = images / match["group"] / match["form"] / f"{line}.png"
            missing = "" if file.is_file() else f"no image {file.relative_to(root)}"
            make = partial(read_file, file)
            yield Listed(id=line, text=text, writer=writer, document=match["form"], image=make, missing=missing)


def _read_form(path: Path, name: str) -> Form:
    form = parse_xml(path, root="form")
    lines = []
    for line in form.iterfind("handwritten-part/line"):
        found = line.get("id", "")
        text = line.get("text")
        match = _NAME.fullmatch(found)
        if match is None or match["form"] != name or found == name or text is None:
            raise LineDataError(
                f"{path}: a line with id {found!r} and text {text!r}, expected the id {name}-00 (-01, ...) and a text"
            )
        for escaped, symbol in _ESCAPES:
            text = text.replace(escaped, symbol)
        lines.append((found, collapsed(text), form.get("writer-id", "")))
    if not lines:
        raise LineDataError(f"{path}: no <handwritten-part> with a <line>")
    return lines


def _read_table(path: Path, writers: dict[str, str]) -> dict[str, Form]:
    forms: dict[str, Form] = {}
    for number, row in enumerate(read_text(path).splitlines(), start=1):
        if not row.strip() or row.startswith("#"):
            continue
        # id, ok or err, gray level, components, x, y, width, height, transcription (which may hold spaces)
        fields = row.split(" ", 8)
        match = _NAME.fullmatch(fields[0])
        if match is None or len(fields) != 9 or fields[1] not in {"ok", "err"}:
            raise LineDataError(
                f"{path}: row {number} is {row!r}, expected a01-000u-00 ok 154 19 408 746 1663 91 A|MOVE"
            )
        form = match["form"]
        forms.setdefault(form, []).append((fields[0], collapsed(fields[8].replace("|", " ")), writers.get(form, "")))
    return forms


def _writers(root: Path) -> dict[str, str]:
    """Return the writer of each form, if ``forms.txt`` is there."""
    rows: list[list[str]] = []
    for choice in ("ascii/forms.txt", "forms.txt"):
        if (root / choice).exists():
            rows = [row.split(" ", 2) for row in read_text(root / choice).splitlines() if not row.startswith("#")]
    return {row[0]: row[1] for row in rows if len(row) == 3}


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
