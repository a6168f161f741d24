"""The flip ledger on the page: each flipped line's image, readings below one another, and every change."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

import numpy as np
import numpy.typing as npt
from PIL import Image, features

from inkport.benchmarks.measure.edits import Change, Effect, Step, edit_script
from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.report.presentation import Evidence
from inkport.benchmarks.report.rows import INSIDE, NONE, Flips, by_harm


@dataclass(frozen=True)
class Cell:
    """A place in a row."""

    symbol: str
    """What is there; empty for a gap."""
    edit: int | None
    """Which edit of the script from the first row it is; None where the row agrees with the first."""


def align(first: str, others: Sequence[str]) -> list[list[Cell]]:
    """Return a row of cells for ``first`` and for each of ``others``, all of the same length.

    Every other row is paired with the first by a shortest edit script (``edit_script``); where several rows insert,
    what they insert shares columns.
    """
    scripts = [edit_script(first, other) for other in others]
    new = [_inserted(script) for script in scripts]
    room = [max([0, *(len(found.get(at, ())) for found in new)]) for at in range(len(first) + 1)]
    top: list[Cell] = []
    for at, width in enumerate(room):
        top += [Cell("", None)] * width + ([Cell(first[at], None)] if at < len(first) else [])
    rows = zip(others, scripts, new, strict=True)
    return [top, *(_cells_of(first, other, script, found, room) for other, script, found in rows)]


def _inserted(script: Sequence[Step]) -> dict[int, list[int]]:
    """Return the numbers of the edits that insert something, by the place that it stands before."""
    found: dict[int, list[int]] = {}
    for number, step in enumerate(script):
        if step.before is None:
            found.setdefault(step.position, []).append(number)
    return found


def _cells_of(
    first: str, other: str, script: Sequence[Step], new: Mapping[int, list[int]], room: Sequence[int]
) -> list[Cell]:
    def cell(number: int) -> Cell:
        after = script[number].after
        return Cell("" if after is None else other[after], number)

    changed = {step.before: number for number, step in enumerate(script) if step.before is not None}
    cells: list[Cell] = []
    for at, width in enumerate(room):
        inserted = [cell(number) for number in new.get(at, ())]
        cells += [*inserted, *[Cell("", None)] * (width - len(inserted))]
        if at < len(first):
            cells.append(cell(changed[at]) if at in changed else Cell(first[at], None))
    return cells


HEIGHT_PX = 64
"""Height that taller lines are shrunk to."""
FORM = ("WEBP", 50) if features.check("webp") else ("JPEG", 60)
"""Form and quality: lines of real hands take about 4 kB in a page as WebP at 50, and 6 as JPEG at 60."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A line's image."""

    uri: str
    """``data:`` URI (WebP, or JPEG where Pillow has no WebP; gray)."""
    aspect: float
    """Width over height."""


def picture(gray: npt.NDArray[np.float32]) -> Picture:
    """Return the picture of a line, float32 (h, w), 0 black .. 1 white."""
    image = Image.fromarray(np.rint(gray * 255).astype(np.uint8))
    aspect = image.width / image.height
    if image.height > HEIGHT_PX:
        image = image.resize((max(1, round(image.width * HEIGHT_PX / image.height)), HEIGHT_PX))
    data = io.BytesIO()
    # Lines are photographs: as PNG a page of many flips would be many times as large.
    form, quality = FORM
    image.save(data, form, quality=quality)
    uri = f"data:image/{form.lower()};base64," + base64.b64encode(data.getvalue()).decode("ascii")
    return Picture(uri=uri, aspect=aspect)


PART_BYTES = 1_600_000
"""Most bytes of lines in a part: a page of less than 2 MB opens at once and goes through most mail."""
BLANK = "\N{MIDDLE DOT}"
"""Shown where a row has nothing."""
SPACE = "\N{OPEN BOX}"
"""Shown for a space that was changed."""
HOW = (
    "Each line opens with a click or the Enter key. Below its image: its text, the reference's reading, and the "
    "targets', column by column. In the readings, <u>dotted</u> is what differs from the text. A target's changes from "
    'the reference are marked there and on the image: <mark class="harmful">harmful</mark> (solid frame), '
    '<mark class="repaired">repaired</mark> (dashed), <mark class="harmless">harmless</mark> (dotted; one error '
    "instead of another). The gap is the smallest difference of the two best logits: of a reading in its row, of a "
    "change in the reference. Lines with the most harmful changes come first, of equals those with the widest gap: a "
    "change at a small gap is rounding, at a wide one a defect."
)
"""How to read the section, as HTML."""


def flip_evidence(report: Report, images: Mapping[str, Picture]) -> Evidence:
    """Return the section's content, the most harmful lines in the page and the others in further parts.

    Args:
        report: The report.
        images: The pictures of flipped lines, by the line's id.
    """
    flipped = by_harm(report)
    if not flipped:
        return Evidence("<p>None.</p>")
    targets = [target.name for target in report.targets if target.parity and target.parity.flips]
    width = report.model.stride / report.model.height
    lines = (_line(name, flips, images.get(name), frame_width=width, targets=targets) for name, flips in flipped)
    intro = f"<p>{HOW}</p>{_filters(targets)}"
    first, *others = (f"{intro}{part}" for part in _parts(lines))
    return Evidence(first, tuple(others))


def _parts(lines: Iterable[str]) -> Iterator[str]:
    part: list[str] = []
    size = 0
    for line in lines:
        length = len(line.encode("utf-8", "backslashreplace"))
        if part and (len(part) == INSIDE or size + length > PART_BYTES):
            yield "\n".join(part)
            part, size = [], 0
        part.append(line)
        size += length
    yield "\n".join(part)


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
    return f'<label for="f-{key}"><input type="radio" name="{group}" id="f-{key}"{checked}> {escape(words)}</label>'


def _line(name: str, flips: Flips, image: Picture | None, *, frame_width: float, targets: Sequence[str]) -> str:
    effects = [change.effect for _, flip in flips for change in flip.changes]
    keys = [f"t{targets.index(target)}" for target, _ in flips]
    keys += [f"e-{effect}" for effect in Effect if effect in effects]
    counts = "".join(
        f' <mark class="{effect}">{effects.count(effect)} {effect}</mark>' for effect in Effect if effect in effects
    )
    first = flips[0][1]
    count = f"{len(flips)} target{'s' if len(flips) > 1 else ''}"
    summary = (
        f'<summary>{escape(name)} <small>{escape(first.dataset)}, {count}</small>{counts} <span lang="">'
        f"{escape(first.text)}</span></summary>"
    )
    strip = _strip(name, image, flips, frame_width) if image else ""
    return f'<details class="flip {" ".join(keys)}">{summary}{strip}{_grid(name, flips)}</details>'


def _grid(name: str, flips: Flips) -> str:
    """Return text and readings below one another; targets that read the same share a row."""
    first = flips[0][1]
    together = [
        list(group) for _, group in groupby(sorted(flips, key=lambda f: f[1].reading), key=lambda f: f[1].reading)
    ]
    readings = [group[0][1].reading for group in together]
    reference, text, *rows = align(first.reading_reference, [first.text, *readings])
    body = [
        _row("text", _plain(text), "", ""),
        _row("reference", _reading(reference, text, ()), _gap(first.gap_reference), ""),
    ]
    for group, cells in zip(together, rows, strict=True):
        changes = group[0][1].changes
        body.append(
            _row(
                ", ".join(target for target, _ in group),
                _reading(cells, text, changes),
                _gap(group[0][1].gap),
                "; ".join(map(_change, changes)),
            )
        )
    return (
        f'<div class="scroll" tabindex="0"><table><caption>{escape(name)}, column by column</caption><thead><tr>'
        '<th scope="col">system</th><th scope="col">reads</th><th scope="col" class="n">gap</th></tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _row(who: str, cells: str, gap: str, changes: str) -> str:
    more = f'<tr><td></td><td class="what" colspan="2">{changes}</td></tr>' if changes else ""
    name = f'<th scope="row">{escape(who)}</th>'
    return f'<tr>{name}<td class="read" lang="">{cells}</td><td class="n">{gap}</td></tr>{more}'


def _plain(cells: Sequence[Cell]) -> str:
    return _runs((cell.symbol or BLANK, "" if cell.symbol else "gap") for cell in cells)


def _reading(cells: Sequence[Cell], text: Sequence[Cell], changes: Sequence[Change]) -> str:
    """Return a reading's row: changes in the colour of their effect, other errors dotted."""
    marked = []
    for cell, wanted in zip(cells, text, strict=True):
        if cell.edit is not None:
            effect = str(changes[cell.edit].effect) if cell.edit < len(changes) else "changed"
            marked.append(((cell.symbol or BLANK).replace(" ", SPACE), effect))
        elif cell.symbol != wanted.symbol:
            marked.append((cell.symbol or BLANK, "error" if cell.symbol else "error gap"))
        else:
            marked.append((cell.symbol or BLANK, "" if cell.symbol else "gap"))
    return _runs(marked)


def _runs(marked: Iterable[tuple[str, str]]) -> str:
    parts = []
    for kind, run in groupby(marked, key=lambda item: item[1]):
        words = escape("".join(symbol for symbol, _ in run))
        tag = "mark" if kind in {*Effect, "changed"} else "u" if kind.startswith("error") else "span"
        parts.append(f'<{tag} class="{kind}">{words}</{tag}>' if kind else words)
    return "".join(parts)


def _strip(name: str, image: Picture, flips: Flips, frame_width: float) -> str:
    """Show the image with a box at each change; ``frame_width`` is a frame's share of the image's height."""
    share = 100 * frame_width / image.aspect
    told: dict[tuple[int, int, Effect], list[str]] = {}
    for _, flip in flips:
        for change in flip.changes:
            if change.first_frame is None or change.last_frame is None:
                continue
            told.setdefault((change.first_frame, change.last_frame, change.effect), []).append(_words(change))
    boxes = "".join(
        f'<i class="{effect}" style="left:{min(share * start, 100 - share):.2f}%;'
        f'width:{share * (end - start + 1):.2f}%" '
        f'title="{escape("; ".join(dict.fromkeys(words)))}"></i>'
        for (start, end, effect), words in told.items()
    )
    alt = f"Line {name}: {flips[0][1].text}"
    return f'<div class="strip"><img alt="{escape(alt)}" src="{escape(image.uri)}">{boxes}</div>'


def _change(change: Change) -> str:
    frame = "" if change.first_frame is None else f", frame {change.first_frame}"
    gap = "" if change.gap_reference is None else f", gap {change.gap_reference:.3f}"
    return f'<span class="{change.effect}">{escape(_words(change))}</span> ({change.effect}{frame}{gap})'


def _words(change: Change) -> str:
    old, new = (
        f"\N{LEFT SINGLE QUOTATION MARK}{symbol.replace(' ', SPACE)}\N{RIGHT SINGLE QUOTATION MARK}"
        for symbol in (change.reference, change.target)
    )
    if not change.reference:
        return f"{new} added"
    return f"{old} to {new}" if change.target else f"{old} lost"


def _gap(gap: float | None) -> str:
    return NONE if gap is None else f"{gap:.3f}"
