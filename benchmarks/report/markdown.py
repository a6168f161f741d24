"""A report as Markdown, for pull requests and pages in a repository."""

from __future__ import annotations

from collections.abc import Iterable

from inkport.benchmarks.report.presentation import Presentation, Section
from inkport.core.tables import escape, markdown_table


def render_markdown(document: Presentation) -> str:
    """Return conclusions, tables and sentences; what only a page can show is left out."""
    parts = [f"# {document.title}", f"**{escape(document.lead)}**" if document.lead else ""]
    parts.append(_items(found.sentence for found in document.conclusions))
    parts += map(escape, document.subject)
    parts += [part for section in document.sections for part in _section(section)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _section(section: Section) -> list[str]:
    if not (section.tables or section.sentences):
        return []
    tables = [part for table in section.tables for part in (escape(table.caption), markdown_table(table))]
    return [f"## {section.name}", *tables, _items(section.sentences)]


def _items(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {escape(sentence)}" for sentence in sentences)
