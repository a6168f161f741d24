"""What was read on each line: its edits by kind, and the flip ledger of what changed from one reading to another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from inkport.core.charset import normalise_text
from inkport.core.ctc import Emission, Transcription
from inkport.core.metrics import edit_costs, edit_distance


@dataclass(frozen=True, kw_only=True)
class Edits:
    """Edits by kind, of one or more lines."""

    substitutions: int = 0
    """Symbols read as another symbol."""
    insertions: int = 0
    """Symbols read that are not in the text."""
    deletions: int = 0
    """Symbols of the text that were not read."""

    @property
    def total(self) -> int:
        """The edit distance."""
        return sum(self.by_kind)

    @property
    def by_kind(self) -> tuple[int, int, int]:
        """Substitutions, insertions, deletions."""
        return self.substitutions, self.insertions, self.deletions


def count_edits(text: str, reading: str) -> Edits:
    """Count the edits of a shortest edit script from ``text`` to ``reading``.

    Several scripts can be shortest ("ab" to "ba": two substitutions, or one insertion and one deletion); the
    counts are those of the one with the most substitutions, so they do not depend on how it was searched for.
    """
    weight = len(text) + len(reading) + 1
    # A gap costs one unit more than a substitution: so the fewest gaps win where the number of edits is the same.
    cost = edit_distance(text, reading, gap=weight + 1, substitution=weight)
    distance, gaps = divmod(cost, weight)
    insertions = (gaps + len(reading) - len(text)) // 2
    return Edits(substitutions=distance - gaps, insertions=insertions, deletions=gaps - insertions)


@dataclass(frozen=True)
class Step:
    """One edit of a script: a symbol replaced, gone (``after`` is None) or new (``before`` is None)."""

    position: int
    """Where it happens in the sequence before, counted from 0; a new symbol stands before this position."""
    before: int | None
    """Index of the symbol in the sequence before."""
    after: int | None
    """Index of the symbol in the sequence after."""


BAND = 4
"""Edits that a script is searched with first: few lines change more, and the time grows with it."""


def edit_script(before: Sequence[str], after: Sequence[str]) -> tuple[Step, ...]:
    """Return a shortest edit script, in order, with as many substitutions as possible, by ``edit_costs``."""
    weight = len(before) + len(after) + 1
    gap = weight + 1
    band = BAND
    # A result of more edits than the band is wide may have a better one outside.
    while (costs := _costs_to_the_end(before, after, weight, band))[0][0] // weight > band:
        band *= 2
    steps: list[Step] = []
    i = j = 0
    while i < len(before) or j < len(after):
        inside = i < len(before) and j < len(after)
        if inside and costs[i][j] == costs[i + 1][j + 1] + weight * (before[i] != after[j]):
            if before[i] != after[j]:
                steps.append(Step(i, i, j))
            i, j = i + 1, j + 1
        elif i < len(before) and costs[i][j] == costs[i + 1][j] + gap:
            steps.append(Step(i, i, None))
            i += 1
        else:
            steps.append(Step(i, None, j))
            j += 1
    return tuple(steps)


def _costs_to_the_end(before: Sequence[str], after: Sequence[str], weight: int, band: int) -> list[list[int]]:
    """Return the costs from ``before[i:]`` to ``after[j:]``: the walk goes forward, and equal symbols pair up early."""
    costs = edit_costs(before[::-1], after[::-1], gap=weight + 1, substitution=weight, band=band)
    return [row[::-1] for row in costs][::-1]


def sum_edits(edits: Iterable[Edits]) -> Edits:
    """Return the sums by kind."""
    items = list(edits)
    return Edits(
        substitutions=sum(e.substitutions for e in items),
        insertions=sum(e.insertions for e in items),
        deletions=sum(e.deletions for e in items),
    )


class Effect(StrEnum):
    """What a change does to the distance from the text."""

    HARMFUL = "harmful"
    """It makes an error."""
    HARMLESS = "harmless"
    """It turns one error into another."""
    REPAIRED = "repaired"
    """It fixes an error of the reference."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One edit from the reference's reading to the target's."""

    reference: str
    """The symbol that the reference read; empty if it read none here."""
    target: str
    """The symbol that the target read; empty if it read none here."""
    effect: Effect
    """What this edit alone does to the reference's reading."""
    first_frame: int | None
    """First frame of the symbol: the reference's, or the target's where the reference read none; absent where only the
    text is known."""
    last_frame: int | None
    """Last frame of that symbol, included; likewise."""
    gap_reference: float | None
    """Smallest top-1 minus top-2 logit of the reference over its symbol: how close it was to this change; absent
    without frames."""
    gap: float | None
    """The same of the target."""


@dataclass(frozen=True, kw_only=True)
class Effects:
    """How many changes of each kind."""

    harmful: int = 0
    """Changes that make an error."""
    harmless: int = 0
    """Changes from one error to another."""
    repaired: int = 0
    """Changes that fix an error."""


def find_changes(text: str, reference: Transcription, target: Transcription) -> tuple[Change, ...]:
    """Return the edits of a shortest script from one reading to the other, in reading order.

    Args:
        text: The line's transcription, normalised.
        reference: What the reference read.
        target: What the target read.
    """
    before = count_edits(text, normalise_text(reference.text)).total

    symbols = symbols_of(reference), symbols_of(target)

    def change(step: Step) -> Change:
        old, new = _at(symbols[0], step.before), _at(symbols[1], step.after)
        place = _placed(old or new)
        start, end = step.position, step.position + (old is not None)
        applied = reference.text[:start] + (new.symbol if new else "") + reference.text[end:]
        after = count_edits(text, normalise_text(applied)).total
        return Change(
            reference=old.symbol if old else "",
            target=new.symbol if new else "",
            effect=_effect(after - before),
            first_frame=place.first_frame if place else None,
            last_frame=place.last_frame if place else None,
            gap_reference=known.gap if (known := _placed(old)) else None,
            gap=known.gap if (known := _placed(new)) else None,
        )

    return tuple(change(step) for step in edit_script(*([e.symbol for e in found] for found in symbols)))


def symbols_of(found: Transcription) -> tuple[Emission, ...]:
    """Return the symbols of what was read; of a bare text its code points, without frames and gaps (NaN)."""
    bare = (Emission(symbol, 0, 0, math.nan, math.nan) for symbol in found.text)
    return found.emissions or tuple(bare)


def sum_effects(changes: Iterable[Change]) -> Effects:
    """Count the changes by effect."""
    found = [change.effect for change in changes]
    return Effects(
        harmful=found.count(Effect.HARMFUL),
        harmless=found.count(Effect.HARMLESS),
        repaired=found.count(Effect.REPAIRED),
    )


def _at(emissions: Sequence[Emission], index: int | None) -> Emission | None:
    return None if index is None else emissions[index]


def _placed(symbol: Emission | None) -> Emission | None:
    """Return the symbol if anything is known of it beside what it is."""
    return None if symbol is None or math.isnan(symbol.gap) else symbol


def _effect(difference: int) -> Effect:
    if difference > 0:
        return Effect.HARMFUL
    return Effect.REPAIRED if difference < 0 else Effect.HARMLESS
