"""Tables of a report, and how Markdown writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A heading and rows, all of the same length."""

    head: tuple[str, ...]
    """Names of the columns."""
    rows: tuple[tuple[str, ...], ...]
    """The cells."""
    text_columns: int
    """How many columns from the left hold words; the rest hold numbers."""
    caption: str = ""
    """What it shows, where its section's heading does not say it."""


def markdown_table(table: Table) -> str:
    """Return a table with its cells escaped, numbers to the right; the word "None." if it has no rows."""
    if not table.rows:
        return "None."
    rule = ["---" if column < table.text_columns else "--:" for column in range(len(table.head))]
    lines = [list(table.head), rule, *([escape(cell) for cell in row] for row in table.rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def escape(text: str) -> str:
    """Keep what was read or named from being taken for markup."""
    return re.sub(r"([\\`*_\[\]<>|#~&])", r"\\\1", " ".join(text.split()))
