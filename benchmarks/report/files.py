"""The files of a report: JSON and its views side by side in one folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.report.html import render_html
from inkport.benchmarks.report.junit import render_junit
from inkport.benchmarks.report.markdown import render_markdown
from inkport.benchmarks.report.mllog import render_mllog
from inkport.benchmarks.report.pictures import pictures
from inkport.benchmarks.report.rows import flips_by_line
from inkport.core.files import write_atomically
from inkport.lines.line import Line


def write_report(report: Report, lines: Iterable[Line], folder: Path) -> None:
    """Write ``report.html``, ``.md``, ``.xml`` (JUnit), ``.mllog`` (log lines) and, last, ``.json`` into ``folder``.

    Each file is replaced in one step, after all have been made, so that a kill leaves whole files.

    Args:
        report: The report.
        lines: The lines that it is about; the page shows the flipped ones.
        folder: Made if needed.
    """
    pages = {
        "report.html": render_html(report, pictures(lines, flips_by_line(report))),
        "report.md": render_markdown(report),
        "report.xml": render_junit(report),
        "report.mllog": render_mllog(report),
        "report.json": report.to_json(),
    }
    for name, content in pages.items():
        write_atomically(folder / name, content)
