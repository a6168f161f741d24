"""The report as one HTML page that needs nothing else: no network, no scripts, images and plots inside."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from inkport.benchmarks.report.devices import device_notes, devices
from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.report.flips import flip_section
from inkport.benchmarks.report.pictures import Picture
from inkport.benchmarks.report.plots import plots
from inkport.benchmarks.report.rows import by_dataset, speeds, summary, verdicts, words_and_edits, worst_writers
from inkport.benchmarks.report.sentences import complaints, facts, headline, notes, reference_line
from inkport.benchmarks.report.style import STYLE
from inkport.benchmarks.run.outcome import Outcome
from inkport.core.tables import Table


FAILURES = frozenset(Outcome) - {Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.UNAVAILABLE}
"""Outcomes shown in red."""


def render_html(report: Report, images: Mapping[str, Picture]) -> str:
    """Return the page.

    Args:
        report: The report.
        images: The pictures of flipped lines, by the line's id.
    """
    sections = {
        "Plots": _plots(report),
        "Devices": _devices(report),
        "Verdicts": _table(verdicts(report)),
        "Data sets": _table(by_dataset(report)),
        "Worst writer": _table(worst_writers(report)),
        "Words and edits": _table(words_and_edits(report)),
        "Speed": _table(speeds(report)),
        "Flipped lines": flip_section(report, images),
        "Environment": _table(Table(("what", "value"), tuple(facts(report).items()), 2)),
    }
    ids = {name: name.lower().replace(" ", "-") for name, content in sections.items() if content}
    body = [
        "<h1>inkport verify</h1>",
        _paragraph(headline(report)),
        _paragraph(reference_line(report)),
        _table(summary(report)),
        *(f"<p><b>{escape(name)}</b>: {escape(reason)}</p>" for name, reason in complaints(report)),
        "<ul>" + "".join(f"<li>{escape(note)}</li>" for note in notes(report)) + "</ul>",
        "<nav>" + "".join(f'<a href="#{key}">{name}</a>' for name, key in ids.items()) + "</nav>",
        *(f'<h2 id="{key}">{name}</h2>\n{sections[name]}' for name, key in ids.items()),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>inkport verify: {escape(report.model.name)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _plots(report: Report) -> str:
    figures = [
        f"<figure><h3>{escape(name)}</h3>{drawing}<figcaption>{escape(words)}</figcaption></figure>"
        for name, drawing, words in plots(report)
    ]
    return f'<div class="plots">{"".join(figures)}</div>' if figures else ""


def _devices(report: Report) -> str:
    if not report.devices:
        return ""
    return _table(devices(report)) + "".join(_paragraph(note) for note in device_notes(report))


def _table(table: Table) -> str:
    if not table.rows:
        return _paragraph("None.")

    def row(tag: str, cells: tuple[str, ...]) -> str:
        inside = (
            f"<{tag}{_class(cell, column >= table.text_columns)}>{escape(cell)}</{tag}>"
            for column, cell in enumerate(cells)
        )
        return f"<tr>{''.join(inside)}</tr>"

    return "<table>" + row("th", table.head) + "".join(row("td", cells) for cells in table.rows) + "</table>"


def _class(cell: str, number: bool) -> str:
    if number:
        return ' class="n"'
    if cell in {Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.UNAVAILABLE}:
        return f' class="{cell}"'
    return ' class="fail"' if cell in FAILURES else ""


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"
