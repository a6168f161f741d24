"""The report as Markdown, for pull requests and pages in a repository."""

from __future__ import annotations

import re

from inkport.benchmarks.report import Report
from inkport.benchmarks.views.devices import device_notes, devices
from inkport.benchmarks.views.rows import Table, by_dataset, flips_by_line, speeds, summary, verdicts, words_and_edits
from inkport.benchmarks.views.sentences import complaints, facts, headline, notes, reference_line


def render_markdown(report: Report) -> str:
    """Return all tables, the reasons, every flipped line, and the environment."""
    parts = ["# inkport verify", _escape(headline(report)), _escape(reference_line(report)), _table(summary(report))]
    if reasons := complaints(report):
        parts.append("\n".join(f"- **{_escape(name)}**: {_escape(reason)}" for name, reason in reasons))
    parts.append("\n".join(f"- {_escape(note)}" for note in notes(report)))
    if report.devices:
        parts += ["## Devices", _table(devices(report)), "\n".join(f"- {_escape(n)}" for n in device_notes(report))]
    parts += ["## Verdicts", _table(verdicts(report))]
    parts += ["## Data sets", _table(by_dataset(report)), "## Words and edits", _table(words_and_edits(report))]
    parts += ["## Speed", _table(speeds(report)), "## Flipped lines", _flips(report), "## Environment"]
    parts.append(_table(Table(("what", "value"), tuple(facts(report).items()), 2)))
    return "\n\n".join(parts) + "\n"


def _flips(report: Report) -> str:
    rows = tuple(
        (flip.id, name, flip.text, flip.reading_reference, flip.reading, ", ".join(c.effect for c in flip.changes))
        for flips in flips_by_line(report).values()
        for name, flip in flips
    )
    return (
        _table(Table(("line", "target", "text", "reference read", "target read", "changes"), rows, 6))
        if rows
        else "None."
    )


def _table(table: Table) -> str:
    if not table.rows:
        return "None."
    rule = ["---" if column < table.text_columns else "--:" for column in range(len(table.head))]
    lines = [list(table.head), rule, *([_escape(cell) for cell in row] for row in table.rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _escape(text: str) -> str:
    """Keep what was read or named from being taken for markup."""
    return re.sub(r"([\\`*_\[\]<>|#~&])", r"\\\1", " ".join(text.split()))
