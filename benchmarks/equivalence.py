"""Whether a port may be called equivalent: two one-sided tests of its CER difference against a margin."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import ceil, sqrt
from statistics import NormalDist

from inkport.benchmarks.bootstrap import Resampled


LEVEL = 0.05
"""Chance that a verdict other than INCONCLUSIVE is wrong where the true difference lies on the margin."""
POWER = 0.8
"""Chance with which the further lines would settle an inconclusive case, if the difference is what it seems."""
UNSEEN_EDITS = 3
"""Edits that an unseen flipped line is taken to cost, for what ``_unseen`` allows."""


class Verdict(StrEnum):
    """What the lines say about the true CER difference and the margin."""

    EQUIVALENT = "EQUIVALENT"
    """It lies within the margin."""
    WORSE = "WORSE"
    """It lies above the margin."""
    BETTER = "BETTER"
    """It lies below the negative margin: suspicious, since a faithful port makes the reference's mistakes."""
    INCONCLUSIVE = "INCONCLUSIVE"
    """There are too few lines to say."""


@dataclass(frozen=True, kw_only=True)
class Equivalence:
    """The verdict and what it rests on."""

    verdict: Verdict
    """The verdict."""
    margin: float
    """The margin, as a difference of error rates."""
    interval: tuple[float, float]
    """90 % interval of the difference: its limits are the two one-sided 95 % limits that decide."""
    further_lines: int | None
    """More lines like these that would settle it; absent if it is settled, or if no number would."""

    @property
    def non_inferior(self) -> bool:
        """Whether it is proven to be at most the margin: enough for weights of their own, which may read better."""
        return self.interval[1] < self.margin


def judge_equivalence(resampled: Resampled, *, delta: float, lines: int, symbols: int, margin: float) -> Equivalence:
    """Test a difference of error rates against a margin from both sides.

    Args:
        resampled: Resamples of the difference.
        delta: The difference.
        lines: Lines that it was seen on, at least 1.
        symbols: Symbols in their texts, at least 1.
        margin: The margin, at least 0.

    Source:
        Schuirmann, *A comparison of the two one-sided tests procedure and the power approach for assessing the
        equivalence of average bioavailability* (1987): equivalent at level 5 % if and only if the 90 % interval
        lies within the margins.
    """
    low, high = resampled.interval(1 - 2 * LEVEL)
    allowance = _unseen(lines, symbols / lines)
    low, high = low - allowance, high + allowance
    verdict = Verdict.INCONCLUSIVE
    if -margin < low and high < margin:
        verdict = Verdict.EQUIVALENT
    elif low > margin:
        verdict = Verdict.WORSE
    elif high < -margin:
        verdict = Verdict.BETTER
    further = None
    if verdict is Verdict.INCONCLUSIVE:
        further = _further_lines(resampled.standard_error, abs(margin - abs(delta)), lines, symbols / lines)
    return Equivalence(verdict=verdict, margin=margin, interval=(low, high), further_lines=further)


def _unseen(lines: int, mean_symbols: float) -> float:
    """Return what flips of a kind that no line showed could still cost, as an error rate.

    What was not seen in n lines happens, at 95 %, in fewer than 3 / n of them (the rule of three: Hanley &
    Lippman-Hand 1983). Without this, no flip in five lines would prove equivalence.
    """
    return 3 / lines * UNSEEN_EDITS / mean_symbols


def _further_lines(standard_error: float, gap: float, lines: int, mean_symbols: float) -> int | None:
    quantile = NormalDist().inv_cdf(1 - LEVEL) + NormalDist().inv_cdf(POWER)

    def settles(total: int) -> bool:
        return quantile * standard_error * sqrt(lines / total) + _unseen(total, mean_symbols) < gap

    most = 1000 * lines
    if not settles(most):
        return None
    few, enough = lines, most
    while few + 1 < enough:
        middle = ceil((few + enough) / 2)
        few, enough = (few, middle) if settles(middle) else (middle, enough)
    return enough - lines
