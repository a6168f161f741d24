"""The lines that are closest to changing, for devices on which all lines take too long, and what they prove."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from inkport.benchmarks.measure.equivalence import Equivalence, Verdict
from inkport.benchmarks.measure.parity import Parity


def choose_fragile(thresholds: Sequence[float], count: int) -> list[int]:
    """Return up to ``count`` lines, the most fragile first.

    Args:
        thresholds: ``FrameMargins.threshold`` of each line.
        count: How many.

    Returns:
        Indices into ``thresholds``; of equals the earlier line comes first.
    """
    return [int(index) for index in np.argsort(thresholds, kind="stable")[:count]]


def without_claims(parity: Parity) -> Parity:
    """Return what a comparison on fragile lines proves: its flips, and nothing about error rates if there are any.

    Fragile lines flip more often than others, so their CER says nothing about the CER of all lines. If none of them
    flipped, the verdict stands: it allows for what was not seen (``equivalence``) as if the lines had been drawn by
    chance, and the others are less likely to flip than these.
    """
    if not parity.flipped_lines:
        return parity
    return replace(
        parity,
        equivalence=_open(parity.equivalence),
        worst_writer=None,
        datasets=tuple(replace(row, equivalence=_open(row.equivalence)) for row in parity.datasets),
    )


def fragile_reason(parity: Parity) -> str:
    """Return the sentence for a target that read fragile lines and flipped some, within its budget."""
    return (
        f"{parity.flipped_lines} of the {parity.lines} most fragile lines read differently. They are no sample of all "
        "lines: their flips count, their error rate proves nothing about the rest."
    )


def _open(found: Equivalence) -> Equivalence:
    return replace(found, verdict=Verdict.INCONCLUSIVE, non_inferior=False, further_writers=None)
