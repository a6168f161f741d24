"""A report as text: aligned for a terminal, and as Markdown for pull requests and pages in a repository."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from inkport.benchmarks.report.presentation import Presentation, Section
from inkport.core.tables import Table, escape, markdown_table


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


def render_markdown(document: Presentation) -> str:
    """Return conclusions, tables and sentences; what only a page can show is left out."""
    parts = [f"# {document.title}", f"**{escape(document.lead)}**" if document.lead else ""]
    parts.append(_items(found.sentence for found in document.conclusions))
    parts += map(escape, document.subject)
    parts += [part for section in document.sections for part in _markdown_section(section)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _markdown_section(section: Section) -> list[str]:
    if not (section.tables or section.sentences):
        return []
    tables = [part for table in section.tables for part in (escape(table.caption), markdown_table(table))]
    return [f"## {section.name}", *tables, _items(section.sentences)]


def _items(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {escape(sentence)}" for sentence in sentences)
