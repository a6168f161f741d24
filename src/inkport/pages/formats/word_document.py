"""DOCX: the text of pages, a paragraph per region; needs python-docx (the extra ``documents``)."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from datetime import datetime

from inkport.core.errors import needing
from inkport.core.xml_text import xml_text
from inkport.pages.formats.xml_out import CREATOR, WRITTEN
from inkport.pages.hyphens import running_text
from inkport.pages.page import Page


EARLIEST = (1980, 1, 1, 0, 0, 0)
"""Time of all members of an archive: the same pages give the same bytes."""


def write_docx(pages: Iterable[Page], *, joined: bool = False) -> bytes:
    """Return pages as a document for word processors: a page per page, a line per line, dropped lines left out.

    Args:
        pages: The pages.
        joined: Whether words that lines divide are written whole, on the line where they begin.

    Raises:
        RuntimeUnavailableError: If python-docx is not installed.
    """
    with needing("writing DOCX", extra="documents"):
        import docx
    made = docx.Document()
    about = made.core_properties
    about.author = about.last_modified_by = CREATOR
    about.created = about.modified = datetime.fromisoformat(WRITTEN)
    for index, page in enumerate(pages):
        if index:
            made.add_page_break()
        for region in page.regions:
            if lines := running_text(region.lines, joined=joined):
                paragraph = made.add_paragraph()
                for number, line in enumerate(lines):
                    run = paragraph.add_run(xml_text(line))
                    if number + 1 < len(lines):
                        run.add_break()
    buffer = io.BytesIO()
    made.save(buffer)
    return _dated(buffer.getvalue())


def _dated(data: bytes) -> bytes:
    """Return an archive with the same members, all of the earliest time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for info in archive.infolist():
            dated = zipfile.ZipInfo(info.filename, EARLIEST)
            dated.compress_type, dated.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
            made.writestr(dated, archive.read(info))
    return buffer.getvalue()
