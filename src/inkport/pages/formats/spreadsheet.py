"""XLSX: a sheet of lines and one of words; needs XlsxWriter (the extra ``documents``)."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from inkport.core.errors import UsageError, needing
from inkport.core.xml_text import xml_text
from inkport.pages.formats.rows import LINE_COLUMNS, WORD_COLUMNS, Cell, line_rows, word_rows
from inkport.pages.formats.xml_out import WRITTEN
from inkport.pages.page import Page


def write_xlsx(pages: Iterable[Page]) -> bytes:
    """Return pages as a workbook; every text is text, whatever it begins with.

    Raises:
        RuntimeUnavailableError: If XlsxWriter is not installed.
        UsageError: If there are more lines or words than a sheet has rows, 1,048,576, or a text is too long for a cell.
    """
    with needing("writing XLSX", extra="documents"):
        import xlsxwriter
    found, buffer = tuple(pages), io.BytesIO()
    workbook = xlsxwriter.Workbook(buffer, {"in_memory": True})
    workbook.set_properties({"created": datetime.fromisoformat(WRITTEN)})
    bold = workbook.add_format({"bold": True})
    for name, head, rows in (
        ("lines", LINE_COLUMNS, line_rows(found)),
        ("words", WORD_COLUMNS, word_rows(found)),
    ):
        sheet = workbook.add_worksheet(name)
        sheet.write_row(0, 0, head, bold)
        sheet.freeze_panes(1, 0)
        for number, row in enumerate(rows, start=1):
            _write(sheet, number, row)
    workbook.close()
    return buffer.getvalue()


def _write(sheet: Any, number: int, row: Sequence[Cell]) -> None:
    for column, cell in enumerate(row):
        refused = 0
        if isinstance(cell, str):
            refused = sheet.write_string(number, column, xml_text(cell)) if cell else 0
        elif cell is not None:
            refused = sheet.write_number(number, column, cell)
        if refused:
            raise UsageError(f"a sheet has no room for row {number + 1}", remedy="write fewer pages, or csv")
