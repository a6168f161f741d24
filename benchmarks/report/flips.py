"""The flip ledger on the page: each flipped line's image, readings below one another, and every change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import groupby

from inkport.benchmarks.measure.changes import Change, Effect
from inkport.benchmarks.measure.parity import Flip
from inkport.benchmarks.report.align import Cell, align
from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.report.pictures import Picture
from inkport.benchmarks.report.rows import NONE, flips_by_line


OPEN = 40
"""How many lines are shown unfolded; the others open on a click, so that a page of many hundreds stays quick."""
GAP = "\N{MIDDLE DOT}"
"""Shown where a row has nothing."""
SPACE = "\N{OPEN BOX}"
"""Shown for a space that was changed."""
HOW = (
    "Below each image: the line's text, the reference's reading, and the targets', column by column. In the "
    "readings, <u>dotted</u> is what differs from the text. A target's changes from the reference are marked there "
    'and on the image: <mark class="harmful">harmful</mark>, <mark class="repaired">repaired</mark>, '
    '<mark class="harmless">harmless</mark> (one error instead of another). The number after a reading is its '
    "smallest margin (top-1 minus top-2 logit); frame and margin of a change are the reference's. Lines with harmful "
    "changes come first, large margins before small ones: a change at a small margin is rounding, at a large one a "
    "defect."
)
"""How to read the section, as HTML."""

Flips = Sequence[tuple[str, Flip]]
"""The targets that flipped a line, and how."""


def flip_section(report: Report, images: Mapping[str, Picture]) -> str:
    """Return the section's content as HTML.

    Args:
        report: The report.
        images: The pictures of flipped lines, by the line's id.
    """
    flipped = sorted(flips_by_line(report).items(), key=lambda item: _order(item[1]))
    if not flipped:
        return "<p>None.</p>"
    targets = [target.name for target in report.targets if target.parity and target.parity.flips]
    width = report.model.stride / report.model.height
    lines = [
        _line(name, flips, images.get(name), frame_width=width, targets=targets, unfold=number < OPEN)
        for number, (name, flips) in enumerate(flipped)
    ]
    return f"<p>{HOW}</p>{_filters(targets)}" + "\n".join(lines)


def _order(flips: Flips) -> tuple[bool, float]:
    changes = [change for _, flip in flips for change in flip.changes]
    harmful = [change for change in changes if change.effect is Effect.HARMFUL]
    return not harmful, -max([c.margin_reference or 0.0 for c in harmful or changes], default=0.0)


def _filters(targets: Sequence[str]) -> str:
    """Return controls that hide lines through the style alone; the page has no scripts."""
    effects = "".join(_choice("effect", f"e-{e}", e, first=False) for e in Effect)
    names = "".join(_choice("target", f"t{number}", name, first=False) for number, name in enumerate(targets))
    rules = "".join(
        f"body:has(#f-{key}:checked) .flip:not(.{key}){{display:none}}"
        for key in [*(f"e-{e}" for e in Effect), *(f"t{number}" for number in range(len(targets)))]
    )
    return (
        f"<style>{rules}</style>"
        f"<fieldset><legend>Show</legend>{_choice('effect', 'e-all', 'all effects', first=True)}{effects}</fieldset>"
        f"<fieldset><legend>of</legend>{_choice('target', 't-all', 'all targets', first=True)}{names}</fieldset>"
    )


def _choice(group: str, key: str, words: str, *, first: bool) -> str:
    checked = " checked" if first else ""
    return f'<label><input type="radio" name="{group}" id="f-{key}"{checked}> {escape(words)}</label>'


def _line(
    name: str, flips: Flips, image: Picture | None, *, frame_width: float, targets: Sequence[str], unfold: bool
) -> str:
    changes = [change for _, flip in flips for change in flip.changes]
    keys = [f"t{targets.index(target)}" for target, _ in flips]
    keys += [f"e-{effect}" for effect in Effect if any(change.effect is effect for change in changes)]
    counts = "".join(
        f'<mark class="{effect}">{effect}</mark>' for effect in Effect if any(c.effect is effect for c in changes)
    )
    opened = " open" if unfold else ""
    count = f"{len(flips)} target{'s' if len(flips) > 1 else ''}"
    summary = f"<summary>{escape(name)} <small>{escape(flips[0][1].dataset)}, {count}</small> {counts}</summary>"
    strip = _strip(image, flips, frame_width) if image else ""
    return f'<details class="flip {" ".join(keys)}"{opened}>{summary}{strip}{_grid(flips)}</details>'


def _grid(flips: Flips) -> str:
    """Return text and readings below one another; targets that read the same share a row."""
    first = flips[0][1]
    together = [
        list(group) for _, group in groupby(sorted(flips, key=lambda f: f[1].reading), key=lambda f: f[1].reading)
    ]
    readings = [group[0][1].reading for group in together]
    reference, text, *rows = align(first.reading_reference, [first.text, *readings])
    body = [
        _row("text", _plain(text), "", ""),
        _row("reference", _reading(reference, text, ()), _margin(first.margin_reference), ""),
    ]
    for group, cells in zip(together, rows, strict=True):
        changes = group[0][1].changes
        body.append(
            _row(
                ", ".join(target for target, _ in group),
                _reading(cells, text, changes),
                _margin(group[0][1].margin),
                "; ".join(map(_change, changes)),
            )
        )
    return f"<table>{''.join(body)}</table>"


def _row(who: str, cells: str, margin: str, changes: str) -> str:
    more = f'<tr><td></td><td class="what" colspan="2">{changes}</td></tr>' if changes else ""
    return f'<tr><th>{escape(who)}</th><td class="read">{cells}</td><td class="n">{margin}</td></tr>{more}'


def _plain(cells: Sequence[Cell]) -> str:
    return _runs((cell.symbol or GAP, "" if cell.symbol else "gap") for cell in cells)


def _reading(cells: Sequence[Cell], text: Sequence[Cell], changes: Sequence[Change]) -> str:
    """Return a reading's row: changes in the colour of their effect, other errors dotted."""
    marked = []
    for cell, wanted in zip(cells, text, strict=True):
        if cell.edit is not None:
            effect = str(changes[cell.edit].effect) if cell.edit < len(changes) else "changed"
            marked.append(((cell.symbol or GAP).replace(" ", SPACE), effect))
        elif cell.symbol != wanted.symbol:
            marked.append((cell.symbol or GAP, "error" if cell.symbol else "error gap"))
        else:
            marked.append((cell.symbol or GAP, "" if cell.symbol else "gap"))
    return _runs(marked)


def _runs(marked: Iterable[tuple[str, str]]) -> str:
    parts = []
    for kind, run in groupby(marked, key=lambda item: item[1]):
        words = escape("".join(symbol for symbol, _ in run))
        tag = "mark" if kind in {*Effect, "changed"} else "u" if kind.startswith("error") else "span"
        parts.append(f'<{tag} class="{kind}">{words}</{tag}>' if kind else words)
    return "".join(parts)


def _strip(image: Picture, flips: Flips, frame_width: float) -> str:
    """Show the image with a box at each change; ``frame_width`` is a frame's share of the image's height."""
    share = 100 * frame_width / image.aspect
    told: dict[tuple[int, int, Effect], list[str]] = {}
    for target, flip in flips:
        for change in flip.changes:
            place = (change.first_frame, change.last_frame, change.effect)
            told.setdefault(place, []).append(f"{target}: {_words(change)}")
    boxes = "".join(
        f'<i class="{effect}" style="left:{min(share * start, 100 - share):.2f}%;'
        f'width:{share * (end - start + 1):.2f}%" '
        f'title="{escape("; ".join(dict.fromkeys(words)))}"></i>'
        for (start, end, effect), words in told.items()
    )
    return f'<div class="strip"><img alt="" src="{escape(image.uri)}">{boxes}</div>'


def _change(change: Change) -> str:
    margin = "" if change.margin_reference is None else f", margin {change.margin_reference:.3f}"
    where = f"frame {change.first_frame}{margin}"
    return f'<span class="{change.effect}">{escape(_words(change))}</span> ({change.effect}, {where})'


def _words(change: Change) -> str:
    old, new = (
        f"\N{LEFT SINGLE QUOTATION MARK}{s}\N{RIGHT SINGLE QUOTATION MARK}" for s in (change.reference, change.target)
    )
    if not change.reference:
        return f"{new} added"
    return f"{old} to {new}" if change.target else f"{old} lost"


def _margin(margin: float | None) -> str:
    return NONE if margin is None else f"{margin:.3f}"
