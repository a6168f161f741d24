"""Whether a port may be called equivalent: two one-sided tests of its CER difference against a margin."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import ceil, log, sqrt
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from inkport.benchmarks.measure.estimate import FEWEST_UNITS, Estimate, Moments, limits
from inkport.benchmarks.measure.quantiles import t_quantile
from inkport.core.target import LARGEST_WRITER_LOSS


LEVEL = 0.05
"""Chance that a verdict other than INCONCLUSIVE is wrong where the true difference lies on the margin."""
POWER = 0.8
"""Chance with which the further writers would settle an inconclusive case, if the difference is what it seems."""
MOST_TIMES = 1000
"""How many times the writers there are may be needed before the answer is that no number would do."""


class Verdict(StrEnum):
    """What the lines say about the true CER difference and the margin."""

    EQUIVALENT = "EQUIVALENT"
    """It lies within the margin."""
    WORSE = "WORSE"
    """It lies above the margin."""
    BETTER = "BETTER"
    """It lies below the negative margin: suspicious, since a faithful port makes the reference's mistakes."""
    INCONCLUSIVE = "INCONCLUSIVE"
    """There are too few writers to say."""


@dataclass(frozen=True, kw_only=True)
class Equivalence:
    """The verdict and what it rests on."""

    verdict: Verdict
    """The verdict."""
    margin: float
    """The margin, as a difference of error rates."""
    largest_writer_loss: float
    """Largest loss, or gain, on a single writer up to which EQUIVALENT is wrong in at most 5 %, as an error rate."""
    interval: tuple[float, float] | None
    """90 % interval of the difference, whose limits are those of two one-sided tests at 5 %: of what was seen for
    WORSE and BETTER, otherwise with what unseen writers could add. Absent for fewer than three units."""
    non_inferior: bool
    """Whether it is proven to be at most the margin, unseen writers included: enough for weights of their own,
    which may read better."""
    further_writers: int | None
    """More writers (documents, lines: the units of the interval) like these that would settle it; absent if it is
    settled, or if no number would."""

    @property
    def writer_may_lose(self) -> float:
        """Loss on a single writer that is not held against a port: as much as all may lose together, or more."""
        return max(self.largest_writer_loss, self.margin)


def judge_equivalence(
    found: Estimate, *, margin: float, largest_writer_loss: float = LARGEST_WRITER_LOSS
) -> Equivalence:
    """Test a difference of error rates against a margin from both sides.

    WORSE and BETTER rest on the sampling error alone. EQUIVALENT must also hold against writers that the sample
    did not show: the wider of the two limits counts at either end.

    Args:
        found: The difference.
        margin: The margin, at least 0.
        largest_writer_loss: Largest loss on a single writer that the verdict reckons with. Where the margin is
            larger, no such writer can lead beyond it, and the sampling error alone decides.

    Source:
        Schuirmann, *A comparison of the two one-sided tests procedure and the power approach for assessing the
        equivalence of average bioavailability* (1987): equivalent at level 5 % if and only if the 90 % interval
        lies within the margins.
    """
    verdict, interval, non_inferior = Verdict.INCONCLUSIVE, None, False
    if (seen := found.interval(1 - 2 * LEVEL)) is not None:
        losses = found.difference / found.symbols
        highest = max(seen[1], unseen_limit(losses, found.symbols, largest=largest_writer_loss, level=LEVEL))
        lowest = min(seen[0], -unseen_limit(-losses, found.symbols, largest=largest_writer_loss, level=LEVEL))
        verdict, interval = _decide(seen, (lowest, highest), margin)
        non_inferior = highest < margin
    return Equivalence(
        verdict=verdict,
        margin=margin,
        largest_writer_loss=largest_writer_loss,
        interval=interval,
        non_inferior=non_inferior,
        further_writers=_further(found, margin, largest_writer_loss) if verdict is Verdict.INCONCLUSIVE else None,
    )


def _decide(
    seen: tuple[float, float], widened: tuple[float, float], margin: float
) -> tuple[Verdict, tuple[float, float]]:
    if seen[0] > margin:
        return Verdict.WORSE, seen
    if seen[1] < -margin:
        return Verdict.BETTER, seen
    within = -margin < widened[0] and widened[1] < margin
    return (Verdict.EQUIVALENT if within else Verdict.INCONCLUSIVE), widened


def _further(found: Estimate, margin: float, largest: float) -> int | None:
    """Return how many more units settle it with a chance of ``POWER`` if all are like these, or None."""
    few, enough = max(found.units, FEWEST_UNITS - 1), MOST_TIMES * max(found.units, FEWEST_UNITS)
    if not _settles(found, enough, margin, largest):
        return None
    while few + 1 < enough:
        middle = ceil((few + enough) / 2)
        few, enough = (few, middle) if _settles(found, middle, margin, largest) else (middle, enough)
    return enough - found.units


def _settles(found: Estimate, total: int, margin: float, largest: float) -> bool:
    """Return whether ``total`` units of which each is like one of these settle it, with a chance of ``POWER``."""
    times = total / found.units
    old = found.moments if found.units >= FEWEST_UNITS else _unknown_spread(found)
    new = Moments(
        rate=old.rate, error=old.error / sqrt(times), skewness=old.skewness / sqrt(times), degrees=old.degrees * times
    )
    # The difference may come out to the worse side of what it seems, by this much in one case of five.
    slack = NormalDist().inv_cdf(POWER) * float(new.error)
    low, high = limits(new, t_quantile(1 - LEVEL, float(new.degrees)))
    if abs(found.rate) > margin:
        return bool(max(low, -high) - slack > margin)
    if max(high, -low) + slack >= margin:
        return False
    if margin > largest:
        return True
    shown = evidence(found.symbols, largest)
    losses = found.difference / found.symbols
    return all(
        float(log_evidence_below(side + slack, shown, margin, largest, times=times)) >= log(1 / LEVEL)
        for side in (losses, -losses)
    )


def _unknown_spread(found: Estimate) -> Moments:
    """Return moments without a spread: too few units have none, so that the answer is the least that is needed."""
    zero = np.zeros(())
    return Moments(rate=np.asarray(found.rate), error=zero, skewness=zero, degrees=np.asarray(1.0))


Floats = npt.NDArray[np.float64]

FLIP_EDITS = 2
"""Edits that a flipped line is taken to cost, for how surely the lines of a writer show a loss."""
STAKES = (1.0, 0.5, 0.25, 0.125, 0.0625)
"""Shares of the factors that are tried. The first is the best for writers who are alike, smaller ones for many
writers who are not, and for units so small that a single flip is a large loss."""
CREDITS = (0.9, 0.025, 0.025, 0.025, 0.025)
"""Weight of each, summing to 1: nine tenths on the first, so that the others cost it a tenth of a nat."""
STEPS = 30
"""Halvings of the range in which a limit is looked for."""


def evidence(symbols: Floats, largest: float) -> Floats:
    """Return how surely each unit would show a loss of ``largest``, 0 to 1, float64 like ``symbols``.

    Flips of ``FLIP_EDITS`` each come by chance, so what a unit shows scatters about its loss, and a unit of few
    lines may show nothing. It counts as E[min(F, f)] / f for f expected flips, which for Poisson's F is one minus
    the probability of the whole number below f.
    """
    flips = largest * symbols / FLIP_EDITS
    whole = np.floor(flips)
    # Log factorials by table: numpy has no gamma function.
    table = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, int(whole.max()) + 1)))])
    return np.asarray(1 - np.exp(whole * np.log(flips) - flips - table[whole.astype(np.int64)]))


def log_evidence_below(
    losses: Floats, shown: Floats, margin: Floats | float, largest: float, *, times: float = 1.0
) -> Floats:
    """Return the log of the evidence that the mean loss is below ``margin``: log(20) or more in 5 % of samples at most.

    Args:
        losses: Loss of each unit as observed, an error rate, float64 (..., units).
        shown: ``evidence`` of each unit.
        margin: Mean loss that is tested, below ``largest``, (...).
        largest: Largest true loss of a unit.
        times: How often each unit is counted: what more units like these would show.

    Returns:
        float64 (...).

    Source:
        Stark, *Risk-limiting post-election audits: conservative P-values from common probability inequalities*
        (2009), the Kaplan-Markov bound; Waudby-Smith & Ramdas, *Estimating means of bounded random variables by
        betting* (2024), of which this is the mixture of a few constant bets.
    """
    tested = np.asarray(margin, dtype=np.float64)[..., None]
    factors = np.maximum(largest - losses, 0) / (largest - np.where(tested > 0, shown, 1.0) * tested)
    with np.errstate(divide="ignore"):
        logs = [log(c) + times * np.log(1 - s + s * factors).sum(-1) for s, c in zip(STAKES, CREDITS, strict=True)]
    return np.asarray(np.logaddexp.reduce(np.stack(logs), axis=0))


def unseen_limit(losses: Floats, symbols: Floats, *, largest: float, level: float) -> float:
    """Return the mean loss that is refuted together with all above it, at most ``largest``.

    Args:
        losses: Loss of each unit as observed, an error rate, float64 (units,).
        symbols: Symbols of each unit, float64 (units,).
        largest: Largest true loss of a unit.
        level: Chance of refuting the truth, at most.
    """
    shown = evidence(symbols, largest)
    low, high = -largest, largest
    for _ in range(STEPS):
        middle = (low + high) / 2
        refuted = log_evidence_below(losses, shown, middle, largest) >= log(1 / level)
        low, high = (low, middle) if refuted else (middle, high)
    return high
