"""Readings of one line below one another, so that the same place is in the same column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inkport.benchmarks.measure.edits import Step, edit_script


@dataclass(frozen=True)
class Cell:
    """A place in a row."""

    symbol: str
    """What stands there; empty for a gap."""
    edit: int | None
    """Which edit of the script from the first row it is; None where the row agrees with the first."""


def align(first: str, others: Sequence[str]) -> list[list[Cell]]:
    """Return a row of cells for ``first`` and for each of ``others``, all of the same length.

    Every other row is paired with the first by a shortest edit script (``edit_script``); where several rows insert,
    what they insert shares columns.
    """
    scripts = [edit_script(first, other) for other in others]
    room = [max([0, *(_inserted(script, at) for script in scripts)]) for at in range(len(first) + 1)]
    top: list[Cell] = []
    for at, width in enumerate(room):
        top += [Cell("", None)] * width + ([Cell(first[at], None)] if at < len(first) else [])
    return [top, *(_row(first, other, script, room) for other, script in zip(others, scripts, strict=True))]


def _inserted(script: Sequence[Step], at: int) -> int:
    return sum(step.before is None and step.position == at for step in script)


def _row(first: str, other: str, script: Sequence[Step], room: Sequence[int]) -> list[Cell]:
    cells: list[Cell] = []
    edits = dict(enumerate(script))
    for at, width in enumerate(room):
        new = [
            Cell(other[step.after], number)
            for number, step in edits.items()
            if step.before is None and step.position == at and step.after is not None
        ]
        cells += [*new, *[Cell("", None)] * (width - len(new))]
        if at < len(first):
            changed = next(((n, step) for n, step in edits.items() if step.before == at), None)
            if changed is None:
                cells.append(Cell(first[at], None))
            else:
                number, step = changed
                cells.append(Cell("" if step.after is None else other[step.after], number))
    return cells
