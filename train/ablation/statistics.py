"""Means over seeds, and differences between arms that share seeds and lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean

from inkport.benchmarks.measure.estimate import estimate
from inkport.benchmarks.measure.quantiles import mean_interval
from inkport.benchmarks.measure.units import UnitKind, units_of
from inkport.lines.line import Line


Interval = tuple[float, float]
"""Lower and upper limit."""


class Said(StrEnum):
    """What seeds and lines say of a difference."""

    BETTER = "better"
    """Both intervals lie below 0: fewer errors."""
    WORSE = "worse"
    """Both intervals lie above 0."""
    OPEN = "not shown"
    """At least one of them holds 0, or there is one seed only, or fewer than three writers."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """CER of an arm minus CER of the reference, means over the same seeds on the same lines."""

    mean: float
    """The difference."""
    over_seeds: Interval | None
    """95 % interval for other seeds on these lines; none with one seed."""
    over_lines: Interval | None
    """95 % interval for other such writers with these seeds; none for fewer than three."""
    unit: UnitKind
    """What is taken as independent."""
    clusters: int
    """How many of them there are."""
    said: Said
    """What both say together."""


def mean_over_seeds(values: Sequence[float]) -> tuple[float, Interval | None]:
    """Return the mean and its 95 % interval by Student's t; no interval for a single value."""
    return fmean(values), mean_interval(values)


def compare_arms(
    edits: Sequence[Sequence[int]],
    reference: Sequence[Sequence[int]],
    lengths: Sequence[int],
    lines: Sequence[Line],
) -> Difference:
    """Compare an arm with the reference.

    Args:
        edits: Edits of the arm, per seed and line.
        reference: Edits of the reference, with the same seeds in the same order, on the same lines.
        lengths: Symbols of each text, at least 1 in all.
        lines: The lines, which say who wrote them.
    """
    total = sum(lengths)
    by_seed = [(sum(ours) - sum(theirs)) / total for ours, theirs in zip(edits, reference, strict=True)]
    mean, over_seeds = mean_over_seeds(by_seed)
    by_line = [_over_seeds(edits, i) - _over_seeds(reference, i) for i in range(len(lengths))]
    found = estimate(by_line, [length * len(edits) for length in lengths], units_of(lines))
    over_lines = found.interval()
    said = Said.OPEN
    if over_seeds is not None and over_lines is not None:
        if max(over_seeds[1], over_lines[1]) < 0:
            said = Said.BETTER
        elif min(over_seeds[0], over_lines[0]) > 0:
            said = Said.WORSE
    return Difference(
        mean=mean,
        over_seeds=over_seeds,
        over_lines=over_lines,
        unit=found.kind,
        clusters=found.units,
        said=said,
    )


def _over_seeds(edits: Sequence[Sequence[int]], line: int) -> int:
    return sum(seed[line] for seed in edits)
