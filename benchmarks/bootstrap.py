"""How sure a difference of two error rates is, when lines of one writer resemble each other."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cache
from math import sqrt
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt

from inkport.benchmarks.student import t_quantile
from inkport.lines.line import Line


CONFIDENCE = 0.95
"""Share of samples whose interval covers the truth."""
RESAMPLES = 2000
"""Resamples per interval; 95 % limits want about 1,000 (Efron & Tibshirani, 1993)."""
CHUNK = 4_000_000
"""Most counts drawn at once, so that memory stays below about 100 MB however many lines there are."""


@dataclass(frozen=True, kw_only=True)
class Resampled:
    """The distribution of a difference of error rates over resamples."""

    rates: npt.NDArray[np.float64]
    """The difference in each resample, float64 (resamples,)."""
    unit: Literal["writer", "line"]
    """What was drawn as a whole: all lines of a writer or document, or single lines."""
    clusters: int
    """How many of them there are, at least 1."""

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """Return the two-sided interval: percentiles, expanded for few clusters; both limits equal for one cluster.

        Source:
            Hesterberg, *What Teachers Should Know About the Bootstrap* (The American Statistician, 2015),
            section 3.3: percentiles are too narrow by the factor that separates them from Student's t.
        """
        tail = 100 * expanded_tail(confidence, self.clusters)
        low, high = np.percentile(self.rates, [tail, 100 - tail])
        return float(low), float(high)

    @property
    def standard_error(self) -> float:
        """Standard deviation over the resamples, for few clusters corrected like the interval."""
        correction = sqrt(self.clusters / (self.clusters - 1)) if self.clusters > 1 else 1.0
        return float(self.rates.std()) * correction


@cache
def expanded_tail(confidence: float, clusters: int) -> float:
    """Return the share of resamples to leave out at each end."""
    outside = (1 - confidence) / 2
    if clusters < 2:
        return outside
    return NormalDist().cdf(-sqrt(clusters / (clusters - 1)) * t_quantile(1 - outside, clusters - 1))


def paired_resamples(
    difference: Sequence[int], length: Sequence[int], lines: Sequence[Line], *, seed: int, resamples: int = RESAMPLES
) -> Resampled:
    """Resample a difference of micro-averaged error rates, both systems together.

    Writers (of a data set) are drawn with replacement, each with all its lines; a line without a writer is
    drawn by itself. With fewer than two writers there is nothing to draw from, and lines are drawn instead.

    Args:
        difference: Edits of the target minus edits of the reference, per line.
        length: Symbols of the text, per line, at least 1.
        lines: The lines, at least one.
        seed: Of the random numbers.
        resamples: How many times to draw.

    Source:
        Percentile bootstrap: Efron & Tibshirani, *An Introduction to the Bootstrap* (1993), chapter 13; by
        cluster: Field & Welsh, *Bootstrapping clustered data* (2007); paired, for error rates: Bisani & Ney,
        *Bootstrap estimates for confidence intervals in ASR performance evaluation* (2004).
    """
    by_writer = len({(line.dataset, line.writer) for line in lines if line.writer}) >= 2
    keys: list[Hashable] = [
        (line.dataset, line.writer) if by_writer and line.writer else index for index, line in enumerate(lines)
    ]
    differences, lengths = _sums(difference, keys), _sums(length, keys)
    rates = _resampled_rates(differences, lengths, np.random.default_rng(seed), resamples)
    return Resampled(rates=rates, unit="writer" if by_writer else "line", clusters=len(differences))


def _sums(values: Sequence[int], keys: Sequence[Hashable]) -> npt.NDArray[np.int64]:
    """Sum ``values`` per key, keys in the order of their first occurrence."""
    index = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    sums = np.zeros(len(index), dtype=np.int64)
    np.add.at(sums, [index[key] for key in keys], np.asarray(values, dtype=np.int64))
    return sums


def _resampled_rates(
    differences: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64], rng: np.random.Generator, resamples: int
) -> npt.NDArray[np.float64]:
    count = len(differences)
    rows = max(1, CHUNK // count)
    rates = []
    for start in range(0, resamples, rows):
        # How often each cluster is drawn is all that counts, and multinomial says it directly.
        drawn = rng.multinomial(count, np.full(count, 1 / count), size=min(rows, resamples - start))
        rates.append((drawn @ differences) / (drawn @ lengths))
    return np.concatenate(rates)
