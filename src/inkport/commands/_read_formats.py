"""How ``inkport read`` prints: as text, as tab-separated values, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum
from typing import Protocol

from inkport.core.console import json_for_stdout, results
from inkport.core.line_reading import ReadRecord


COLUMNS = ("image", "text", "confidence", "warnings")
"""Columns of tab-separated values; the first two make a manifest of them."""
_ESCAPES = str.maketrans({"\t": "\\t", "\n": "\\n", "\r": "\\r"})


class Format(StrEnum):
    """How results are printed."""

    TEXT = "text"
    """The text alone for one image, path, tab and text for several."""
    JSON = "json"
    """A list of records, when all are read."""
    JSONL = "jsonl"
    """A record per line, as they are read."""
    TSV = "tsv"
    """A head, then a row per image, as they are read."""
    ALTO = "alto"
    """ALTO 4, a document per page."""
    PAGE = "page"
    """PAGE 2019, a document per page."""
    HOCR = "hocr"
    """hOCR, one document."""
    TEI = "tei"
    """TEI P5, one document."""
    CSV = "csv"
    """A head, then a row per line of text."""
    XLSX = "xlsx"
    """A workbook with the lines and the words."""
    DOCX = "docx"
    """The text for word processors."""
    PDF = "pdf"
    """The pages with invisible text."""


OF_LINES = frozenset({Format.TEXT, Format.JSON, Format.JSONL, Format.TSV})
"""Formats of images of lines; the others are of pages."""


class Writer(Protocol):
    """Prints results."""

    def one(self, record: ReadRecord) -> None:
        """Print a result, or keep it until the end."""

    def end(self) -> None:
        """Print what was kept."""


class Rows:
    """Prints each result at once.

    Args:
        row: Makes a line of text of a result, without its end.
        head: Printed first, if it is not empty.
    """

    def __init__(self, row: Callable[[ReadRecord], str], *, head: str = "") -> None:
        self._row = row
        if head:
            results().write(f"{head}\n")

    def one(self, record: ReadRecord) -> None:
        """Print a result."""
        results().write(f"{self._row(record)}\n")
        results().flush()

    def end(self) -> None:
        """Do nothing: all is printed."""


class Document:
    """Keeps results, and prints one JSON document."""

    def __init__(self) -> None:
        self._records: list[ReadRecord] = []

    def one(self, record: ReadRecord) -> None:
        """Keep a result."""
        self._records.append(record)

    def end(self) -> None:
        """Print the document."""
        text = json.dumps([asdict(record) for record in self._records], ensure_ascii=False, indent=1)
        results().write(json_for_stdout(f"{text}\n"))


def writer_of(form: Format, *, alone: bool) -> Writer:
    """Return what prints results.

    Args:
        form: The format.
        alone: Whether there is one image, whose text needs no name.
    """
    if form is Format.JSON:
        return Document()
    if form is Format.JSONL:
        return Rows(lambda record: json_for_stdout(json.dumps(asdict(record), ensure_ascii=False)))
    if form is Format.TSV:
        return Rows(_values, head="\t".join(COLUMNS))
    return Rows((lambda record: record.text) if alone else (lambda record: f"{record.image}\t{record.text}"))


def _values(record: ReadRecord) -> str:
    confidence = "" if record.confidence is None else f"{record.confidence:.6f}"
    kinds = ",".join(doubt.kind for doubt in record.warnings)
    # Fields are never quoted, as in manifests; only a path can hold what would end one.
    return "\t".join((record.image.translate(_ESCAPES), record.text, confidence, kinds))
