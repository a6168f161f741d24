"""Readings of one line below one another, so that the same place is in the same column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inkport.benchmarks.measure.edits import Step, edit_script


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
    return [top, *(_row(first, other, script, found, room) for other, script, found in rows)]


def _inserted(script: Sequence[Step]) -> dict[int, list[int]]:
    """Return the numbers of the edits that insert something, by the place that it stands before."""
    found: dict[int, list[int]] = {}
    for number, step in enumerate(script):
        if step.before is None:
            found.setdefault(step.position, []).append(number)
    return found


def _row(
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
