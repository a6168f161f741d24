"""The flip ledger: what changed from the reference's reading to the target's, edit by edit, and whether it matters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from inkport.benchmarks.measure.edits import Step, count_edits, edit_script
from inkport.core.charset import normalise_text
from inkport.core.ctc import Emission, Transcription


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
    first_frame: int
    """First frame of the symbol: the reference's, or the target's where the reference read none."""
    last_frame: int
    """Last frame of that symbol, included."""
    margin_reference: float | None
    """Smallest top-1 minus top-2 logit of the reference over its symbol: how close it was to this change."""
    margin: float | None
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
        reference: What the reference read, with emissions.
        target: What the target read, with emissions.
    """
    before = count_edits(text, normalise_text(reference.text)).total

    def change(step: Step) -> Change:
        old = _at(reference.emissions, step.before)
        new = _at(target.emissions, step.after)
        place = old or new
        start, end = step.position, step.position + (old is not None)
        applied = reference.text[:start] + (new.symbol if new else "") + reference.text[end:]
        after = count_edits(text, normalise_text(applied)).total
        return Change(
            reference=old.symbol if old else "",
            target=new.symbol if new else "",
            effect=_effect(after - before),
            first_frame=place.first_frame if place else 0,
            last_frame=place.last_frame if place else 0,
            margin_reference=old.margin if old else None,
            margin=new.margin if new else None,
        )

    symbols = [e.symbol for e in reference.emissions], [e.symbol for e in target.emissions]
    return tuple(change(step) for step in edit_script(*symbols))


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


def _effect(difference: int) -> Effect:
    if difference > 0:
        return Effect.HARMFUL
    return Effect.REPAIRED if difference < 0 else Effect.HARMLESS
