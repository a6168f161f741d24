"""What writers that no sample showed could still cost: a bound on the mean loss that holds for any number of writers.

A mean over writers and its standard error say nothing about a kind of writer that is not among them. Here the loss
of a single writer is bounded instead, by what the caller states, and no distribution is assumed. If the mean loss
were ``m`` or more, each writer's factor (largest loss minus the observed one, over largest loss minus ``m``) would
have a mean of at most 1, and so would the product of them all, which is therefore 20 or more in at most 5 % of
samples (Markov). For writers without any loss this is the rule of three. Losses count alike whatever the size of a
writer's share in the sample: it holds where that has nothing to do with the loss.
"""

from __future__ import annotations

from math import log

import numpy as np
import numpy.typing as npt


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
