"""Pages as plain text."""

from __future__ import annotations

from collections.abc import Iterable

from inkport.pages.hyphens import running_text
from inkport.pages.page import Page


PAGE_END = "\f"
"""Separates pages, as in what other programs make of PDF files."""


def page_text(page: Page, *, joined: bool = False) -> str:
    """Return the text of a page: a line per line, an empty line between regions, no end of line at its end.

    Args:
        page: The page; dropped lines are left out.
        joined: Whether words that lines divide are written whole, on the line where they begin.
    """
    regions = ("\n".join(running_text(region.lines, joined=joined)) for region in page.regions)
    return "\n\n".join(text for text in regions if text)


def write_text(pages: Iterable[Page], *, joined: bool = False) -> bytes:
    """Return pages as text in UTF-8, with a form feed between two of them; arguments are those of ``page_text``."""
    return (PAGE_END.join(page_text(page, joined=joined) + "\n" for page in pages)).encode()
