"""Pages as JSON: what ``inkport read`` says of a page."""

from __future__ import annotations

from dataclasses import dataclass

from inkport.core.line_reading import ArtifactId
from inkport.pages.page import Page


@dataclass(frozen=True)
class PageRecord:
    """What `inkport read` says of one page in JSON."""

    source: str
    """The file that the page is of, as it was named."""
    number: int
    """Which page of the file it is, from 1."""
    page: Page
    """The page, and what was read on it; dropped lines are among it, with a flag."""
    runtime: str
    """The runtime that read."""
    artifact: ArtifactId
    """The artifact that read."""
