"""How sure a difference of two error rates is, when lines of one writer resemble each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from inkport.benchmarks.measure import CONFIDENCE
from inkport.benchmarks.measure.quantiles import t_quantile
from inkport.benchmarks.measure.units import UnitKind, Units


Floats = npt.NDArray[np.float64]

FEWEST_UNITS = 3
"""Fewer writers say nothing about others: two give a spread with one degree of freedom, one gives none."""


@dataclass(frozen=True, kw_only=True)
class Moments:
    """A difference of micro-averaged error rates and its sampling error over units; all of one shape, (...,)."""

    rate: Floats
    """The difference."""
    error: Floats
    """Its standard error."""
    skewness: Floats
    """Skewness of its distribution over samples."""
    degrees: Floats
    """Degrees of freedom of ``error``."""


def moments(difference: Floats, symbols: Floats) -> Moments:
    """Return the moments of summed differences over summed symbols, float64 (..., units), three units or more.

    Units are taken as alike in spread, whatever their size. That suits writers who differ more than their lines
    do; where they do not, it overstates the spread of the large units and so errs to the safe side.

    Source:
        CR2 (bias-reduced linearisation) with Satterthwaite's degrees of freedom for a weighted mean: Bell &
        McCaffrey, *Bias reduction in standard errors for linear regression with multi-stage samples* (2002);
        Pustejovsky & Tipton, *Small-sample methods for cluster-robust variance estimation* (2018). The third
        moment is corrected for the mean that it is taken about in the same way.
    """
    share = symbols / symbols.sum(-1, keepdims=True)
    rate = difference.sum(-1) / symbols.sum(-1)
    residual = difference / symbols - rate[..., None]
    square, cube = (share**2).sum(-1), (share**3).sum(-1, keepdims=True)
    weight = share**2 / (1 - 2 * share + square[..., None])
    error = np.sqrt((weight * residual**2).sum(-1))
    # A unit as large as all others together would have a third moment of 0 / 0.
    about_mean = np.maximum((1 - share) ** 3 + share**3 - cube, (1 - share) ** 3 / 4)
    third = (share**3 * residual**3 / about_mean).sum(-1)
    skewness = np.divide(third, error**3, out=np.zeros_like(third), where=error > 0)
    return Moments(rate=rate, error=error, skewness=skewness, degrees=_degrees(share, weight, square))


def _degrees(share: Floats, weight: Floats, square: Floats) -> Floats:
    """Return twice the squared mean of the variance estimate over its variance, for units of equal spread."""
    # Residuals i and j covary by q - s_i - s_j; the sum over all pairs of weights factorises.
    a, b, c = weight.sum(-1), (weight * share).sum(-1), (weight * share**2).sum(-1)
    pairs = square**2 * a**2 + 2 * a * c + 2 * b**2 - 4 * square * a * b
    own = square[..., None] - 2 * share
    variance = pairs + (weight**2 * ((1 + own) ** 2 - own**2)).sum(-1)
    # Next to a unit that is nearly all of the text the others vanish, and the sums above cancel to nothing.
    alone = share.max(-1) > 0.99
    return np.where(alone, 1.0, square**2 / np.where(alone, 1.0, variance))


def limits(found: Moments, quantile: Floats | float) -> tuple[Floats, Floats]:
    """Return the lower and the upper limit at Student's ``quantile``: at either end the farther of two.

    One takes the difference as symmetrically distributed, one corrects for its skewness. Few writers show their
    skewness badly, and each of the two alone covers too rarely somewhere.

    Source:
        Hall, *On the removal of skewness by transformation* (1992), the monotone cubic one.
    """
    # The upper end of the statistic bounds the difference from below.
    low = np.maximum(quantile, _unskewed(found.skewness, quantile))
    high = np.maximum(quantile, -_unskewed(found.skewness, -quantile))
    return found.rate - low * found.error, found.rate + high * found.error


def _unskewed(skewness: Floats, quantile: Floats | float) -> Floats:
    """Return the quantile of a statistic whose transform has the ``quantile`` of the symmetrical one."""
    flat = np.abs(skewness) < 1e-6
    k = np.where(flat, 1.0, skewness)
    return np.asarray(np.where(flat, quantile, 3 / k * (np.cbrt(1 + k * (quantile - k / 6)) - 1)))


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A difference of error rates between two systems on the same lines, by unit."""

    difference: Floats
    """Edits of the target minus edits of the reference, float64 (units,)."""
    symbols: Floats
    """Symbols of the texts, float64 (units,)."""
    kind: UnitKind
    """What the units are."""

    @property
    def units(self) -> int:
        """How many units there are."""
        return len(self.symbols)

    @property
    def rate(self) -> float:
        """The difference of the micro-averaged rates."""
        return float(self.difference.sum() / self.symbols.sum())

    @cached_property
    def moments(self) -> Moments:
        """Its sampling error, for ``FEWEST_UNITS`` or more."""
        return moments(self.difference, self.symbols)

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float] | None:
        """Return the two-sided interval for other such units, or None for fewer than ``FEWEST_UNITS``."""
        if self.units < FEWEST_UNITS:
            return None
        quantile = t_quantile((1 + confidence) / 2, float(self.moments.degrees))
        low, high = limits(self.moments, quantile)
        return float(low), float(high)


def estimate(difference: Sequence[int], length: Sequence[int], units: Units) -> Estimate:
    """Return the difference of micro-averaged error rates of two systems.

    Args:
        difference: Edits of the target minus edits of the reference, per line, at least one.
        length: Symbols of the text, per line, at least 1 per unit.
        units: Which lines belong together.
    """
    return Estimate(difference=units.sums(difference), symbols=units.sums(length), kind=units.kind)
