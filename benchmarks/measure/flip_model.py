"""How large the logit errors of a port are, learned from a few lines that it has read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inkport.benchmarks.measure.gaps import FrameMargins


Array = npt.NDArray[np.float64]

FEW = 20
"""Frames with an error below which there is nothing to learn from."""
TAIL = 0.05
"""Share of the largest errors that the tail is fitted to."""


def logit_errors(frames: FrameMargins, logits: npt.NDArray[np.float32]) -> Array:
    """Return how much a port moves each frame towards its rival, float64 (t,): above the margin, the label changes.

    Args:
        frames: The reference's margins on the line.
        logits: The port's logits on it, float32 (t, k).
    """
    places = np.arange(len(logits))
    port = logits[places, frames.rival].astype(np.float64) - logits[places, frames.best]
    return np.asarray(port + frames.margins)


@dataclass(frozen=True, kw_only=True)
class ErrorModel:
    """The distribution of a port's errors between the two best labels of a frame, given the frame's margin.

    An error is ``scale(margin) * u``. The scale falls with the margin (a frame where the network is unsure is one
    where its logits are also less stable), log-linearly; ``u`` is symmetric about zero, with the distribution that
    was seen and, beyond its largest 5 %, a power law.

    Source:
        Hill, *A Simple General Approach to Inference About the Tail of a Distribution* (1975): the exponent.
    """

    intercept: float
    """Logarithm of the scale at margin 0."""
    slope: float
    """Change of that logarithm per unit of margin."""
    sizes: Array
    """What was seen of ``|u|``, sorted, float64 (n,); empty if the port showed no error."""
    exponent: float
    """Exponent of the tail, above 0."""

    @classmethod
    def fit(cls, errors: Sequence[Array], margins: Sequence[Array]) -> ErrorModel:
        """Learn from lines that both have read.

        Args:
            errors: From ``logit_errors``, one array per line.
            margins: The reference's margins of the same frames.
        """
        size = np.abs(np.concatenate(errors)) if errors else np.zeros(0)
        margin = np.concatenate(margins) if margins else np.zeros(0)
        seen = size > 0
        if seen.sum() < FEW:
            return cls(intercept=-np.inf, slope=0.0, sizes=np.zeros(0), exponent=1.0)
        slope, intercept = np.polyfit(margin[seen], np.log(size[seen]), 1)
        sizes = np.sort(size / np.exp(intercept + slope * margin))
        largest = sizes[-max(2, int(TAIL * len(sizes))) :]
        spread = float(np.log(largest / largest[0]).mean())
        return cls(
            intercept=float(intercept), slope=float(slope), sizes=sizes, exponent=1 / spread if spread > 0 else np.inf
        )

    def exceeds(self, margins: Array) -> Array:
        """Return the probability that an error goes over to the rival by more than each margin, 0..1/2."""
        if not len(self.sizes):
            return np.zeros(len(margins))
        u = np.asarray(margins, dtype=np.float64) / np.exp(self.intercept + self.slope * np.asarray(margins))
        count = max(2, int(TAIL * len(self.sizes)))
        start = self.sizes[-count]
        seen = 1 - np.searchsorted(self.sizes, u, side="left") / len(self.sizes)
        tail = count / len(self.sizes) * (np.maximum(u, start) / start) ** -self.exponent
        # Half of the errors go the other way.
        return np.asarray(0.5 * np.where(u <= start, seen, tail))
