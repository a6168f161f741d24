"""How ``inkport read`` writes pages: on standard output, into a file, or a file per page into a folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

from inkport.commands._read_formats import Format
from inkport.core.console import json_for_stdout, results
from inkport.core.errors import UsageError
from inkport.core.files import new_file, require_file, require_folder, write_atomically
from inkport.pages.formats.alto_out import write_alto
from inkport.pages.formats.hocr import write_hocr
from inkport.pages.formats.page_out import write_page
from inkport.pages.formats.records import PageRecord
from inkport.pages.formats.rows import write_csv
from inkport.pages.formats.searchable_pdf import SearchablePdf
from inkport.pages.formats.spreadsheet import write_xlsx
from inkport.pages.formats.tei import write_tei
from inkport.pages.formats.text import PAGE_END, write_text
from inkport.pages.formats.word_document import write_docx
from inkport.pages.inputs import PageImage
from inkport.pages.page import Page


BINARY = (Format.XLSX, Format.DOCX, Format.PDF)
"""Formats that no terminal shows."""
PER_PAGE: dict[Format, Callable[[PageRecord], bytes]] = {
    Format.ALTO: lambda record: write_alto(record.page, number=record.number),
    Format.PAGE: lambda record: write_page(record.page),
}
"""Formats with a document for each page."""


class PageWriter(Protocol):
    """Writes pages."""

    def add(self, record: PageRecord, picture: PageImage) -> None:
        """Write a page, or keep it until the end."""

    def end(self) -> None:
        """Write what was kept."""


def page_writer(form: Format, out: Path | None, *, joined: bool) -> PageWriter:
    """Return what writes pages.

    Args:
        form: The format.
        out: A file, or for ``PER_PAGE`` a folder; standard output if None.
        joined: Whether text that flows has divided words whole.

    Raises:
        UsageError: If pages cannot be written so, or not there.
        RuntimeUnavailableError: If the package for the format is not installed.
    """
    if form is Format.TSV:
        raise UsageError("--format tsv is for images of lines", remedy="choose csv for pages")
    if form in BINARY and out is None:
        raise UsageError(f"--format {form} needs a file to write", remedy="name it with --out")
    if out is not None:
        (require_folder if form in PER_PAGE else require_file)(out)
    if form in PER_PAGE:
        return _Folder(out, PER_PAGE[form])
    if form is Format.PDF and out is not None:
        return _Pdf(out)
    if out is None and form in (Format.TEXT, Format.JSONL):
        return _Stream(form, joined=joined)
    return _Document(form, out, joined=joined)


def document_of(form: Format, records: Iterable[PageRecord], *, joined: bool) -> bytes:
    """Return pages as one document."""
    found = tuple(records)
    pages: tuple[Page, ...] = tuple(record.page for record in found)
    if form is Format.JSON:
        return f"{json.dumps([asdict(record) for record in found], ensure_ascii=False, indent=1)}\n".encode()
    if form is Format.JSONL:
        return "".join(f"{json.dumps(asdict(record), ensure_ascii=False)}\n" for record in found).encode()
    if form is Format.TEXT:
        return write_text(pages, joined=joined)
    if form is Format.DOCX:
        return write_docx(pages, joined=joined)
    writers: dict[Format, Callable[[Iterable[Page]], bytes]] = {
        Format.HOCR: write_hocr,
        Format.TEI: write_tei,
        Format.CSV: write_csv,
        Format.XLSX: write_xlsx,
    }
    return writers[form](pages)


class _Stream:
    """Prints each page as it is read."""

    def __init__(self, form: Format, *, joined: bool) -> None:
        self._form, self._joined, self._before = form, joined, False

    def add(self, record: PageRecord, picture: PageImage) -> None:  # noqa: ARG002 - others show it
        text = document_of(self._form, (record,), joined=self._joined).decode()
        if self._form is Format.JSONL:
            text = json_for_stdout(text)
        elif self._before:
            text = PAGE_END + text
        self._before = True
        results().write(text)
        results().flush()

    def end(self) -> None:
        """Do nothing: all is printed."""


class _Document:
    """Keeps all pages and writes one document."""

    def __init__(self, form: Format, out: Path | None, *, joined: bool) -> None:
        self._form, self._out, self._joined = form, out, joined
        self._records: list[PageRecord] = []
        # What is missing is said before hours of reading.
        if form in BINARY:
            document_of(form, (), joined=joined)

    def add(self, record: PageRecord, picture: PageImage) -> None:  # noqa: ARG002 - others show it
        self._records.append(record)

    def end(self) -> None:
        data = document_of(self._form, self._records, joined=self._joined)
        if self._out is not None:
            write_atomically(self._out, data)
        else:
            text = data.decode()
            results().write(json_for_stdout(text) if self._form is Format.JSON else text)


class _Folder:
    """Writes a file per page; without a folder, prints the one page that there is."""

    def __init__(self, out: Path | None, write: Callable[[PageRecord], bytes]) -> None:
        self._out, self._write, self._names = out, write, set[str]()

    def add(self, record: PageRecord, picture: PageImage) -> None:  # noqa: ARG002 - others show it
        name = record.page.id
        if self._out is None:
            if self._names:
                raise UsageError(
                    "this format has a document for each page, and there are several", remedy="name a folder with --out"
                )
            results().write(self._write(record).decode())
        elif name in self._names:
            raise UsageError(f"two pages would be written to {name}.xml", remedy="read them in two runs")
        else:
            write_atomically(self._out / f"{name}.xml", self._write(record))
        self._names.add(name)

    def end(self) -> None:
        """Do nothing: all is written."""


class _Pdf:
    """Makes one PDF file."""

    def __init__(self, out: Path) -> None:
        self._out, self._made, self._pages = out, SearchablePdf(), 0

    def add(self, record: PageRecord, picture: PageImage) -> None:
        self._made.add(record.page, picture)
        self._pages += 1

    def end(self) -> None:
        with self._made as made:
            if self._pages:
                with new_file(self._out) as draft:
                    made.save(draft)
