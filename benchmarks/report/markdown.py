"""The report as Markdown, for pull requests and pages in a repository."""

from __future__ import annotations

from inkport.benchmarks.report.devices import device_notes, devices
from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.report.rows import (
    by_dataset,
    flips_by_line,
    speeds,
    summary,
    verdicts,
    words_and_edits,
    worst_writers,
)
from inkport.benchmarks.report.sentences import complaints, facts, headline, notes, reference_line
from inkport.core.tables import Table, escape, markdown_table


def render_markdown(report: Report) -> str:
    """Return all tables, the reasons, every flipped line, and the environment."""
    parts = [
        "# inkport verify",
        escape(headline(report)),
        escape(reference_line(report)),
        markdown_table(summary(report)),
    ]
    if reasons := complaints(report):
        parts.append("\n".join(f"- **{escape(name)}**: {escape(reason)}" for name, reason in reasons))
    parts.append("\n".join(f"- {escape(note)}" for note in notes(report)))
    if report.devices:
        parts += [
            "## Devices",
            markdown_table(devices(report)),
            "\n".join(f"- {escape(n)}" for n in device_notes(report)),
        ]
    parts += ["## Verdicts", markdown_table(verdicts(report))]
    parts += [
        "## Data sets",
        markdown_table(by_dataset(report)),
        "## Worst writer",
        markdown_table(worst) if (worst := worst_writers(report)).rows else "No line says who wrote it.",
        "## Words and edits",
        markdown_table(words_and_edits(report)),
    ]
    parts += ["## Speed", markdown_table(speeds(report)), "## Flipped lines", _flips(report), "## Environment"]
    parts.append(markdown_table(Table(("what", "value"), tuple(facts(report).items()), 2)))
    return "\n\n".join(parts) + "\n"


def _flips(report: Report) -> str:
    rows = tuple(
        (flip.id, name, flip.text, flip.reading_reference, flip.reading, ", ".join(c.effect for c in flip.changes))
        for flips in flips_by_line(report).values()
        for name, flip in flips
    )
    return (
        markdown_table(Table(("line", "target", "text", "reference read", "target read", "changes"), rows, 6))
        if rows
        else "None."
    )
