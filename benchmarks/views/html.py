"""The report as one HTML page that needs nothing else: no network, no scripts, images inside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from html import escape

from inkport.benchmarks.ledger import Change
from inkport.benchmarks.outcome import Outcome
from inkport.benchmarks.parity import Flip
from inkport.benchmarks.report import Report
from inkport.benchmarks.views.pictures import Picture
from inkport.benchmarks.views.rows import (
    NONE,
    Table,
    by_dataset,
    flips_by_line,
    speeds,
    summary,
    verdicts,
    words_and_edits,
)
from inkport.benchmarks.views.sentences import complaints, facts, headline, notes, reference_line


STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1a1a1a }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top }
.n { text-align: right; font-variant-numeric: tabular-nums }
.pass { color: #1a6b2d } .fail { color: #a3140f; font-weight: 600 } .unavailable, .inconclusive { color: #6b5900 }
.line { border-top: 1px solid #ddd; padding: .8rem 0 }
.strip { position: relative; display: inline-block; max-width: 100% } .strip img { max-width: 100%; display: block }
.strip i { position: absolute; top: 0; bottom: 0; border: 2px solid; border-radius: 3px; opacity: .8 }
.harmful { color: #c62828 } .repaired { color: #2e7d32 } .harmless { color: #8a6d00 }
.read { white-space: pre-wrap; font-family: ui-monospace, monospace }
ins { background: #c9f0d0; text-decoration: none } del { background: #f8d2cf }
@media (prefers-color-scheme: dark) {
 body { background: #161616; color: #e6e6e6 } th, td, .line { border-color: #444 } .harmful { color: #ff8a80 }
 .repaired { color: #7fd693 } .harmless { color: #e2c55a }
 .pass { color: #7fd693 } .fail { color: #ff8a80 } .unavailable, .inconclusive { color: #e2c55a }
 ins { background: #1f5c2d } del { background: #6e211c }
}
"""
FAILURES = frozenset(Outcome) - {Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.UNAVAILABLE}
"""Outcomes shown in red."""


def render_html(report: Report, images: Mapping[str, Picture]) -> str:
    """Return the page.

    Args:
        report: The report.
        images: The pictures of flipped lines, by the line's id.
    """
    body = [
        "<h1>inkport verify</h1>",
        _paragraph(headline(report)),
        _paragraph(reference_line(report)),
        _table(summary(report)),
        *(f"<p><b>{escape(name)}</b>: {escape(reason)}</p>" for name, reason in complaints(report)),
        "<ul>" + "".join(f"<li>{escape(note)}</li>" for note in notes(report)) + "</ul>",
        "<h2>Verdicts</h2>",
        _table(verdicts(report)),
        "<h2>Data sets</h2>",
        _table(by_dataset(report)),
        "<h2>Words and edits</h2>",
        _table(words_and_edits(report)),
        "<h2>Speed</h2>",
        _table(speeds(report)),
        "<h2>Flipped lines</h2>",
        *_flips(report, images),
        "<h2>Environment</h2>",
        _table(Table(("what", "value"), tuple(facts(report).items()), 2)),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>inkport verify: {escape(report.model.name)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _flips(report: Report, images: Mapping[str, Picture]) -> list[str]:
    flipped = flips_by_line(report)
    if not flipped:
        return [_paragraph("None.")]
    how = (
        "Changes from the reference's reading: <del>only the reference</del>, <ins>only the target</ins>. "
        'On the image, the place of each change: <span class="harmful">harmful</span>, '
        '<span class="repaired">repaired</span>, <span class="harmless">harmless</span> (one error instead of another).'
    )
    width = report.model.stride / report.model.height
    return [f"<p>{how}</p>", *(_line(name, flips, images.get(name), width) for name, flips in flipped.items())]


def _line(name: str, flips: list[tuple[str, Flip]], image: Picture | None, frame_width: float) -> str:
    first = flips[0][1]
    rows = [
        ("text", escape(first.text), "", ""),
        ("reference", escape(first.reading_reference), _margin(first.margin_reference), ""),
    ]
    rows += [
        (target, mark_changes(f.reading_reference, f.reading), _margin(f.margin), ", ".join(map(_change, f.changes)))
        for target, f in flips
    ]
    cells = "".join(
        f'<tr><th>{escape(who)}</th><td class="read">{reading}</td><td class="n">{margin}</td><td>{changes}</td></tr>'
        for who, reading, margin, changes in rows
    )
    head = '<tr><th></th><th></th><th class="n">margin</th><th>changes</th></tr>'
    picture = _strip(image, [c for _, flip in flips for c in flip.changes], frame_width) if image else ""
    return f'<div class="line">{picture}<div>{escape(name)}</div><table>{head}{cells}</table></div>'


def _strip(image: Picture, changes: Iterable[Change], frame_width: float) -> str:
    """Show the image with a box at each change; ``frame_width`` is a frame's share of the image's height."""
    share = 100 * frame_width / image.aspect
    boxes = "".join(
        f'<i class="{change.effect}" style="left: {min(left, 100 - share):.2f}%; width: {width:.2f}%"></i>'
        for change in changes
        for left, width in [(share * change.first_frame, share * (change.last_frame - change.first_frame + 1))]
    )
    return f'<div class="strip"><img alt="" src="{escape(image.uri)}">{boxes}</div>'


def _change(change: Change) -> str:
    old, new = (repr(symbol) if symbol else "nothing" for symbol in (change.reference, change.target))
    where = f"frame {change.first_frame}"
    margin = "" if change.margin_reference is None else f", margin {change.margin_reference:.3f}"
    return f'<span class="{change.effect}">{escape(f"{old} to {new} ({change.effect}, {where}{margin})")}</span>'


def mark_changes(before: str, after: str) -> str:
    """Return ``after`` as HTML, with what is new in ``<ins>`` and what is gone from ``before`` in ``<del>``."""
    parts: list[str] = []
    for kind, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            parts.append(escape(after[c:d]))
            continue
        parts += [f"<del>{escape(before[a:b])}</del>"] if b > a else []
        parts += [f"<ins>{escape(after[c:d])}</ins>"] if d > c else []
    return "".join(parts)


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


def _margin(margin: float | None) -> str:
    return NONE if margin is None else f"{margin:.3f}"


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"
