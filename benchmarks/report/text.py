"""A report for a terminal: plain aligned text."""

from __future__ import annotations

import textwrap

from inkport.benchmarks.report.presentation import Presentation, Section
from inkport.core.tables import Table


WIDTH = 100
"""Columns that sentences are wrapped to."""


def render_text(document: Presentation) -> str:
    """Return what a terminal shows: the conclusions last, where the eye is when a command ends."""
    blocks = ["\n".join(map(wrap, document.subject))]
    blocks += [text for index, section in enumerate(document.sections) if (text := _section(section, named=index > 0))]
    conclusions = [found.sentence for found in document.conclusions]
    blocks.append("\n".join(map(wrap, [*conclusions, document.lead] if document.lead else conclusions)))
    return "\n\n".join(block for block in blocks if block) + "\n"


def _section(section: Section, *, named: bool) -> str:
    tables = [aligned(table) for table in section.tables if table.rows]
    sentences = "\n".join(map(wrap, section.sentences))
    if not section.terminal or not (tables or sentences):
        return ""
    first, *others = [*tables, *([sentences] if sentences else [])]
    return "\n\n".join([f"{section.name.lower()}\n{first}" if named else first, *others])


def aligned(table: Table) -> str:
    """Return the table with its columns aligned: words to the left, numbers to the right."""
    lines = [table.head, *table.rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < table.text_columns else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def wrap(sentence: str) -> str:
    """Break a sentence into lines of at most ``WIDTH`` columns, the second and later ones indented."""
    return textwrap.fill(sentence, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
