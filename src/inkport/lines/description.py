"""A line set described in TOML: what its files do not say about writers, documents and data set.

.. code-block:: toml

    lines = ["letters.parquet", "drafts"]   # beside this file
    writer = "Joseph Hooker"                # one hand wrote them all
    # or: writer_column = "scribe"
    # document_column = "folio"
    # dataset = "letters"

The file is passed wherever a line set is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from inkport.core.config import parse_config
from inkport.core.documents import TOML_BYTES, parse_toml
from inkport.core.errors import LineDataError, RecipeError
from inkport.lines.fields import Meaning
from inkport.lines.folder import read_text


SUFFIX = ".toml"
"""Suffix of a description."""


@dataclass(frozen=True, kw_only=True)
class Description(Meaning):
    """The content of a description."""

    lines: tuple[Path, ...]
    """Line sets, relative to the description."""


def read_description(path: Path) -> Description:
    """Read a description; its line sets are given relative to the current folder.

    Raises:
        LineDataError: If it cannot be read, is not a description, names no line set or another description, or says
            both who the writer is and which column names one.
    """
    try:
        document = parse_toml(read_text(path, limit=TOML_BYTES), where=str(path))
        found = parse_config(Description, document, where=str(path))
    except RecipeError as error:
        raise LineDataError(
            f"{error.message}; not the description of a line set",
            remedy=error.remedy or "docs/data.md shows a description",
        ) from error
    if not found.lines:
        raise LineDataError(f"{path}: lines names no line set", remedy="name at least one, relative to this file")
    if nested := [name for name in found.lines if name.suffix.lower() == SUFFIX]:
        raise LineDataError(f"{path}: {nested[0]} is a description itself", remedy="name the line sets in it")
    if found.writer and found.writer_column:
        raise LineDataError(f"{path}: both writer and writer_column are given", remedy="give one of them")
    return Description(
        lines=tuple(path.parent / name for name in found.lines),
        writer=found.writer,
        writer_column=found.writer_column,
        document_column=found.document_column,
        dataset=found.dataset,
    )
