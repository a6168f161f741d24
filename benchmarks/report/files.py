"""The files of a report: JSON and its views side by side in one folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.report.presentation import Presentation, summed_up
from inkport.benchmarks.report.sections import Pictures, present
from inkport.benchmarks.report.text import render_markdown, render_text
from inkport.core.files import write_atomically


def write_report(report: Report, images: Pictures, folder: Path, *, every: bool = False) -> None:
    """Write the report of `inkport verify` into ``folder``: the views, and ``.mllog`` (log lines).

    Args:
        report: The report.
        images: What the page shows of the flipped lines.
        folder: Made if needed.
        every: Whether targets that could not be tried here have rows, too; ``summed_up`` otherwise.
    """
    from inkport.benchmarks.report.mllog import render_mllog

    more = {"report.mllog": render_mllog(report)}
    shown = present(report, images)
    write_views(shown if every else summed_up(shown), folder, stem="report", json=report.to_json(), more=more)


def write_views(
    shown: Presentation, folder: Path, *, stem: str, json: str, more: Mapping[str, str] | None = None
) -> None:
    """Write ``<stem>.html``, ``.md``, ``.txt``, ``.xml`` (JUnit, where there are cases) and, last, ``.json``.

    Each file is replaced in one step, after all have been made, so that a kill leaves whole files: what the page
    points to is there before the page.

    Args:
        shown: The report as it is read.
        folder: Made if needed.
        stem: Name of the files without suffix.
        json: The report itself.
        more: Further files, by name.
    """
    # Who only prints a report needs none of this.
    from inkport.benchmarks.report.html import HERE, render_html
    from inkport.benchmarks.report.junit import junit_xml

    page, *beside = render_html(shown, stem=stem).items()
    files = {**dict([*beside, page]), f"{stem}.md": render_markdown(shown), f"{stem}.txt": render_text(shown)}
    if shown.cases:
        files[f"{stem}.xml"] = junit_xml(shown.title, shown.cases, timestamp=shown.created)
    files |= {**(more or {}), f"{stem}.json": json}
    for name, content in files.items():
        write_atomically(folder / name, content)
    _remove_others(folder / f"{stem}-lines", {Path(name).name for name, _ in beside}, HERE)


def _remove_others(folder: Path, kept: set[str], here: str) -> None:
    """Remove the parts of an earlier page, and the folder if nothing else is in it; ``here`` is its own file."""
    if not folder.is_dir():
        return
    for path in [*folder.glob("*-????????????.html"), folder / here]:
        if path.name not in kept:
            path.unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()
