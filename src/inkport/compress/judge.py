"""Whether a member reads as well as the start: the same tests as in ``inkport verify``, for weights of its own, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from inkport.benchmarks.measure.equivalence import Equivalence, Verdict, judge_equivalence
from inkport.benchmarks.measure.estimate import estimate
from inkport.benchmarks.measure.units import units_of
from inkport.core.charset import normalise_text
from inkport.lines.line import Line


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A member beside the start on some lines; rates are micro averages."""

    lines: int
    """How many lines."""
    cer: float
    """Character error rate of the member."""
    cer_reference: float
    """That of the start."""
    delta: float
    """``cer`` minus ``cer_reference``."""
    interval: tuple[float, float] | None
    """95 % interval of ``delta`` for other such writers; absent for fewer than three."""
    equivalence: Equivalence
    """Whether ``delta`` lies within the margin, as far as these lines can tell."""


@dataclass(frozen=True, kw_only=True)
class Judged(Compared):
    """All lines, and each data set apart."""

    flips: int
    """Lines that are read differently."""
    datasets: Mapping[str, Compared]
    """By name of the data set; of seen writers apart."""


class Standing(StrEnum):
    """What a margin says about a member."""

    WITHIN = "within"
    """Proven to keep the margin."""
    BEYOND = "beyond"
    """Proven not to."""
    OPEN = "open"
    """These writers are too few to say."""


def judge_member(
    lines: Sequence[Line],
    reference: Sequence[int],
    edits: Sequence[int],
    *,
    flips: int,
    margin: float,
) -> Judged:
    """Compare a member's edits with those of the start.

    Args:
        lines: The lines, at least one.
        reference: Edits of the start per line.
        edits: Edits of the member per line.
        flips: Lines that the two read differently.
        margin: CER difference that is allowed.
    """
    rows: dict[str, list[int]] = {}
    for index, line in enumerate(lines):
        name = line.dataset + (" (seen writers)" if line.seen_writer else "")
        rows.setdefault(name, []).append(index)

    def compare(indices: Sequence[int]) -> Compared:
        part = [lines[i] for i in indices]
        old, new = [reference[i] for i in indices], [edits[i] for i in indices]
        return _compare(part, old, new, margin=margin)

    whole = compare(range(len(lines)))
    return Judged(**vars(whole), flips=flips, datasets={name: compare(indices) for name, indices in rows.items()})


def standing(found: Judged, *, own_weights: bool) -> Standing:
    """Return what a comparison says about a member.

    A port of the start's weights must read the same: better is suspicious. Weights of a member's own need only be
    no worse (non-inferiority: the upper limit alone decides). Each data set counts by itself where it proves a loss.

    Args:
        found: The comparison.
        own_weights: Whether the member has weights of its own.
    """
    faults = {Verdict.WORSE} if own_weights else {Verdict.WORSE, Verdict.BETTER}
    if any(part.equivalence.verdict in faults for part in (found, *found.datasets.values())):
        return Standing.BEYOND
    if found.equivalence.verdict is Verdict.EQUIVALENT or (own_weights and found.equivalence.non_inferior):
        return Standing.WITHIN
    return Standing.OPEN


def _compare(lines: Sequence[Line], reference: Sequence[int], edits: Sequence[int], *, margin: float) -> Compared:
    lengths = [len(normalise_text(line.text)) for line in lines]
    differences = [new - old for new, old in zip(edits, reference, strict=True)]
    symbols, found = sum(lengths), estimate(differences, lengths, units_of(lines))
    return Compared(
        lines=len(lines),
        cer=sum(edits) / symbols,
        cer_reference=sum(reference) / symbols,
        delta=found.rate,
        interval=found.interval(),
        equivalence=judge_equivalence(found, margin=margin),
    )
