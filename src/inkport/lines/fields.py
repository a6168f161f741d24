"""What the cells of a line set mean, whatever file they stand in: the same rules for Parquet and for manifests."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from inkport.core.errors import LineDataError
from inkport.lines.line import Line


REQUIRED = ("image", "text")
"""Columns that a line set must have."""
WRITER_OR_DOCUMENT = "writer_or_document"
"""Column of sets that do not say which of both they name: a document, because nobody said that it is a writer."""
OPTIONAL = ("id", "dataset", "writer", "document", WRITER_OR_DOCUMENT, "seen_writer", "split")
"""Columns that are read where they are there; all others are ignored."""
EXACT_FLOAT = 2**53
"""Whole numbers above this have neighbours that share their double: a table that stored them so lost digits."""
FLAGS = {"true": True, "false": False, "1": True, "0": False}
"""What a flag may say, in any case."""

Cells = Mapping[str, object]
"""One line's cells by column."""


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What is said about a line set beside its files; see ``inkport.lines.description``."""

    writer: str = ""
    """The one hand that wrote all of it; empty if its columns say who did."""
    writer_column: str = ""
    """Column that names the writer; empty for ``writer``."""
    document_column: str = ""
    """Column that names the document; empty for ``document``, or ``writer_or_document`` where there is none."""
    dataset: str = ""
    """Name of the data set of lines that name none; empty for the file's own name."""


PLAIN = Meaning()
"""Nothing is said: columns mean what their names say."""


def check_columns(found: Collection[str], meaning: Meaning, where: str) -> None:
    """Refuse a table whose columns cannot be told apart, or that lacks one that it must have.

    Raises:
        LineDataError: If a name appears twice, or ``image``, ``text`` or a column of ``meaning`` is missing.
    """
    names = list(found)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise LineDataError(
            f"{where}: column {', '.join(map(repr, twice))} appears twice", remedy="drop or rename one of them"
        )
    wanted = [*REQUIRED, *filter(None, (meaning.writer_column, meaning.document_column))]
    if missing := [name for name in wanted if name not in names]:
        raise LineDataError(
            f"{where}: no column {missing}, found {sorted(names)}",
            remedy="a table of lines needs the columns image and text, and those that its description names",
        )


def wanted_columns(found: Iterable[str], meaning: Meaning) -> list[str]:
    """Return the columns that a line is made of, in the order of the file."""
    wanted = {*REQUIRED, *OPTIONAL, meaning.writer_column, meaning.document_column}
    return [name for name in found if name in wanted]


def to_line(cells: Cells, *, image: bytes | Path, name: str, dataset: str, meaning: Meaning, where: str) -> Line:
    """Make a line of its cells.

    Args:
        cells: Cells by column, ``image`` left out.
        image: The encoded image, or its file.
        name: Its id, if it has none of its own.
        dataset: Its data set, if neither it nor ``meaning`` names one.
        meaning: What is said about the line set.
        where: Names file and row in errors.

    Raises:
        LineDataError: If a cell is not what its column holds.
    """
    found = {
        column: as_text(cells.get(column), f"{where}: {column}")
        for column in ("id", "dataset", "split", meaning.writer_column or "writer")
    }
    set_name = found["dataset"] or meaning.dataset or dataset
    document = _document(cells, meaning, where)
    return Line(
        id=found["id"] or name,
        image=image,
        text=as_transcription(cells["text"], f"{where}: text"),
        dataset=set_name,
        writer=meaning.writer or found[meaning.writer_column or "writer"] or known_writer(set_name, document),
        document=document,
        seen_writer=as_flag(cells.get("seen_writer"), f"{where}: seen_writer"),
        split=found["split"],
    )


def as_text(value: object, where: str) -> str:
    """Return a name as text: text as it is, a whole number in digits, nothing (also NaN) as the empty text.

    Raises:
        LineDataError: If it is anything else, or a float that is not a whole number or has lost digits.
    """
    if value is None or value != value:  # noqa: PLR0124 - NaN, which is how tables store that there is nothing
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return _decoded(value, where)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) <= EXACT_FLOAT:
        return str(int(value))
    raise LineDataError(f"{where} is {value!r}, expected text or a whole number", remedy="store the column as text")


def as_transcription(value: object, where: str) -> str:
    """Return a transcription; a whole number is its digits, but a float is refused: ``12.0`` may have been ``12``.

    Raises:
        LineDataError: If it is neither text nor a whole number.
    """
    if isinstance(value, float) and value == value:  # noqa: PLR0124 - NaN is an empty cell
        raise LineDataError(
            f"{where} is the number {value!r}, expected text: how it was written is lost",
            remedy="store transcriptions as text",
        )
    return as_text(value, where)


def as_flag(value: object, where: str) -> bool:
    """Return a flag: true or false, also as text in any case, or as 1 or 0; nothing is false.

    Raises:
        LineDataError: If it is anything else.
    """
    if isinstance(value, bool):
        return value
    text = as_text(value, where).strip().lower()
    if not text:
        return False
    if text not in FLAGS:
        raise LineDataError(f"{where} is {value!r}, expected true or false", remedy="write true or false")
    return FLAGS[text]


def _document(cells: Cells, meaning: Meaning, where: str) -> str:
    columns = (meaning.document_column,) if meaning.document_column else ("document", WRITER_OR_DOCUMENT)
    return next((text for name in columns if (text := as_text(cells.get(name), f"{where}: {name}"))), "")


def _decoded(value: bytes, where: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise LineDataError(f"{where} is not UTF-8 ({error})", remedy="store the column as text") from error


ONE_HAND: Mapping[tuple[str, str], str] = {
    ("hooker", "hooker/"): "hooker",
    ("lectaurep", "lectaurep/dufour-"): "dufour",
    ("lectaurep", "lectaurep/riant-"): "riant",
    ("mss20", "mss20/"): "mss20",
    ("peraire", "peraire/"): "peraire",
}
"""Writer by data set and start of the document's name, where line sets name only documents.

The public lines that the shipped models learned from and are reported on (``docs/data.md``) have the column
``writer_or_document``; what their sources say about the writers is here. Sets of your own say it in a column, or in a
description (``inkport.lines.description``).

Peraire's notebooks, Hooker's letters, one letter of the 20th century, and the registers of the notaries Dufour and
Riant are one hand each. The other registers (about 13 hands) and Time Us (few clerks) are not, and nobody says which
page is whose: their documents stay documents.
"""


def known_writer(dataset: str, document: str) -> str:
    """Return who wrote a document, or the empty text where that is not known."""
    found = (name for (known, start), name in ONE_HAND.items() if dataset == known and document.startswith(start))
    return next(found, "")
