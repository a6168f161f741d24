"""Opening files of ALTO and of PAGE, whichever they are."""

from __future__ import annotations

from pathlib import Path

from inkport.lines.safe_xml import parse_xml
from inkport.pages.formats.alto_in import alto_pages
from inkport.pages.formats.page_in import page_pages
from inkport.pages.page import Page


def read_layout(path: Path) -> tuple[Page, ...]:
    """Return the pages of an ALTO or a PAGE file, with whatever it says of their lines.

    Raises:
        LineDataError: If it cannot be read, is neither, or says too little of a page.
    """
    root = parse_xml(path, root=("alto", "PcGts"))
    return alto_pages(root, path) if root.tag == "alto" else page_pages(root, path)
