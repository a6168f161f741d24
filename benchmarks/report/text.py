"""The report for a terminal: plain aligned text."""

from __future__ import annotations

import textwrap

from inkport.benchmarks.report.devices import device_notes, devices
from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.report.rows import by_dataset, summary, worst_writers
from inkport.benchmarks.report.sentences import complaints, headline, notes, reference_line
from inkport.core.tables import Table


WIDTH = 100
"""Columns that sentences are wrapped to."""


def render_text(report: Report) -> str:
    """Return the table with its headline, the data sets where there are several, the reasons and the notes."""
    datasets = by_dataset(report)
    several = len({row[:2] for row in datasets.rows}) > 1
    blocks = [wrap(headline(report)) + "\n" + wrap(reference_line(report))]
    if several:
        blocks.append(aligned(datasets))
    blocks.append(aligned(summary(report)))
    if (worst := worst_writers(report)).rows:
        blocks.append("worst writer\n" + aligned(worst))
    if report.devices:
        blocks += [aligned(devices(report)), "\n".join(wrap(note) for note in device_notes(report))]
    if reasons := complaints(report):
        blocks.append("\n".join(wrap(f"{name}: {reason}") for name, reason in reasons))
    blocks.append("\n".join(wrap(note) for note in notes(report)))
    return "\n\n".join(blocks) + "\n"


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
