"""The independent units of a sample: writers, or documents where no writer is named; and the one that lost most."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt

from inkport.benchmarks.measure import CONFIDENCE, RESAMPLES
from inkport.benchmarks.measure.quantiles import t_quantile
from inkport.lines.line import Line


UnitKind = Literal["writer", "document", "line"]
"""What is taken as independent. ``document``: of at least one unit only the document is known."""


@dataclass(frozen=True, kw_only=True)
class Units:
    """Which lines belong together."""

    kind: UnitKind
    """What they are."""
    index: npt.NDArray[np.int64]
    """Number of each line's unit, in the order of their first lines, int64 (lines,)."""

    @property
    def count(self) -> int:
        """How many units there are, at least 1."""
        return int(self.index.max()) + 1

    def sums(self, values: Sequence[int]) -> npt.NDArray[np.float64]:
        """Sum a figure of the lines per unit, float64 (units,)."""
        return np.bincount(self.index, weights=np.asarray(values, dtype=np.float64)).astype(np.float64)


def units_of(hands: Sequence[tuple[str, str, str]]) -> Units:
    """Return the units of lines, at least one: their writers or documents where these are known.

    Lines of one writer are alike, and counting them one by one would claim more certainty than there is. So lines
    never stand in for units that are known: where only some lines have one, the others of a data set are one unit
    together. Only where none has, each line is a unit.

    Args:
        hands: Whose each line is (``inkport.lines.line.hands``).
    """
    kinds = {kind for _, kind, _ in hands}
    if not any(kinds):
        return Units(kind="line", index=np.arange(len(hands)))
    return numbered(hands, kind="writer" if kinds == {"writer"} else "document")


def documents_of(lines: Sequence[Line]) -> Units:
    """Return documents as units, or lines where fewer than two are named: for what is asked about one hand alone."""
    names = [(line.dataset, line.document) for line in lines]
    if len({name for name in names if name[1]}) < 2:
        return Units(kind="line", index=np.arange(len(lines)))
    return numbered(names, kind="document")


def numbered(keys: Sequence[Hashable], *, kind: UnitKind) -> Units:
    """Return units that are distinguished by ``keys``, one per line."""
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return Units(kind=kind, index=np.asarray([numbers[key] for key in keys], dtype=np.int64))


def counted(count: int, kind: UnitKind) -> str:
    """Return a number of units in words."""
    return f"{count} {kind}{'' if count == 1 else 's'}"


CHUNK = 4_000_000
"""Most lines drawn at once, so that memory stays below about 100 MB however many lines there are."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class WorstWriter:
    """The unit whose error rate rose most; its name is not told, but a line of its is."""

    kind: UnitKind
    """Whether it is a writer, or a document whose writer nobody knows."""
    dataset: str
    """Its data set; that of its first line if it is in several."""
    line: str
    """Id of its line that lost most."""
    lines: int
    """How many lines it has."""
    symbols: int
    """Symbols in their texts."""
    cer: float
    """Its character error rate, read by the target."""
    cer_reference: float
    """The same, read by the reference."""
    delta: float
    """``cer`` minus ``cer_reference``: the largest of all units."""
    interval: tuple[float, float]
    """95 % interval of ``delta`` for more lines of this writer, wide enough for the worst of all units."""

    def sentence(self, allowed: float) -> str:
        """Return what the unit lost, and how much of it is allowed (an error rate)."""
        low, high = self.interval
        return (
            f"The {self.kind} of {self.line} is read at {100 * self.cer:.2f} instead of {100 * self.cer_reference:.2f} "
            f"% ({self.lines} line{'' if self.lines == 1 else 's'}; {100 * self.delta:+.2f} points, 95 % interval as "
            f"the worst of all {100 * low:+.2f} to {100 * high:+.2f}); {100 * allowed:g} are allowed on one writer."
        )


def worst_writer(
    names: Sequence[tuple[str, str]],
    reference: Sequence[int],
    target: Sequence[int],
    length: Sequence[int],
    units: Units,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> WorstWriter | None:
    """Return the unit that lost most, or None where no writer or document is known.

    Args:
        names: Data set and id of each line, at least one.
        reference: Edits of the reference, per line.
        target: Edits of the target, per line.
        length: Symbols of each text, at least 1 per unit.
        units: Which lines belong together.
        seed: Of the random numbers.
        resamples: How many times to draw.
    """
    if units.kind == "line":
        return None
    difference = np.asarray(target, dtype=np.float64) - np.asarray(reference, dtype=np.float64)
    symbols = units.sums(length)
    rates = np.bincount(units.index, weights=difference) / symbols
    # Of equals the one with most text: its loss is known best.
    worst = int(np.lexsort((symbols, rates))[-1])
    own = np.flatnonzero(units.index == worst)
    half = _half_width(difference, np.asarray(length, dtype=np.float64), units, worst, seed, resamples)
    return WorstWriter(
        kind=units.kind,
        dataset=names[own[0]][0],
        line=names[own[np.argmax(difference[own])]][1],
        lines=len(own),
        symbols=int(symbols[worst]),
        cer=float(sum(target[i] for i in own) / symbols[worst]),
        cer_reference=float(sum(reference[i] for i in own) / symbols[worst]),
        delta=float(rates[worst]),
        interval=(float(rates[worst]) - half, float(rates[worst]) + half),
    )


def _half_width(  # noqa: PLR0917
    difference: Floats, length: Floats, units: Units, worst: int, seed: int, resamples: int
) -> float:
    """Return how far the worst unit's rate may lie from the truth, it having been chosen for its rate.

    The lines of all units are drawn again, mixed, so that no unit differs in truth; the largest deviation of any of
    them, in units of its standard error, is what choosing does by chance (single-step maxT). Where the worst unit's
    lines scatter more than all lines do, the width grows with them.

    Source:
        Westfall & Young, *Resampling-based multiple testing* (1993), section 2.3.
    """
    residual = difference - length * difference.sum() / length.sum()
    deviations = _largest_deviations(residual, length, units, np.random.default_rng(seed), resamples)
    reach = float(np.quantile(deviations, CONFIDENCE))
    own = units.index == worst
    spread = sqrt(float((residual**2).sum() / length.sum()))
    if spread > 0:
        reach *= max(1.0, _own_spread(difference[own], length[own], residual[own]) / spread)
    return reach / sqrt(float(length[own].sum()))


def _own_spread(difference: Floats, length: Floats, residual: Floats) -> float:
    """Return how much the lines of one unit scatter, larger for few: Student's t makes up for what they do not show."""
    count = len(length)
    if count == 1:
        # About its own mean a single line does not scatter at all.
        return sqrt(float((residual**2).sum() / length.sum()))
    centred = difference - length * difference.sum() / length.sum()
    two_sided = (1 + CONFIDENCE) / 2
    few = t_quantile(two_sided, count - 1) / NormalDist().inv_cdf(two_sided)
    return few * sqrt(float((centred**2).sum() / length.sum()) * count / (count - 1))


def _largest_deviations(
    residual: Floats, length: Floats, units: Units, rng: np.random.Generator, resamples: int
) -> Floats:
    """Return the largest deviation over the units, times the root of its symbols, per draw, float64 (resamples,)."""
    count = len(residual)
    order = np.argsort(units.index, kind="stable")
    starts = np.searchsorted(units.index[order], np.arange(units.count))
    rows = max(1, CHUNK // count)
    largest = []
    for start in range(0, resamples, rows):
        drawn = rng.integers(0, count, size=(min(rows, resamples - start), count))
        sums = np.add.reduceat(residual[drawn], starts, axis=1)
        symbols = np.add.reduceat(length[drawn], starts, axis=1)
        largest.append(np.abs(sums / np.sqrt(np.maximum(symbols, 1))).max(axis=1))
    return np.concatenate(largest)
