"""How many lines a port will read differently, with an interval, and which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inkport.benchmarks.measure.flip_model import Array, ErrorModel
from inkport.benchmarks.measure.gaps import FrameMargins


CONFIDENCE = 0.95
"""Share of ports whose number of flips lies within the interval."""
RESAMPLES = 200
"""Draws of the probe lines; each also draws the flips."""
PROBES = 20
"""Lines that the errors are learnt from: some thousand frames, of which the unsure ones count."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A line that the port has read."""

    errors: Array
    """From ``logit_errors``, float64 (t,)."""
    frames: FrameMargins
    """The reference's margins on it."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """Flips among lines that the port has not read."""

    expected: float
    """Expected number of lines that read differently."""
    interval: tuple[float, float]
    """Where the number lies, at ``CONFIDENCE``."""
    probabilities: npt.NDArray[np.float64]
    """Of each line to read differently, float64 (lines,)."""


def predict(
    probes: Sequence[Probe], lines: Sequence[FrameMargins], *, seed: int = 0, resamples: int = RESAMPLES
) -> Prediction:
    """Predict the flips on ``lines`` from the errors on a few probe lines.

    The interval holds both what is not known of the errors (probe lines are drawn with replacement and the model is
    fitted anew: errors of one line resemble each other) and chance (each line flips or does not).

    Args:
        probes: Lines that the port has read, at least one.
        lines: The reference's margins of the lines to predict.
        seed: Of the draws.
        resamples: How many.
    """

    def probabilities(chosen: Sequence[Probe]) -> npt.NDArray[np.float64]:
        model = ErrorModel.fit([probe.errors for probe in chosen], [probe.frames.margins for probe in chosen])
        return np.array([model.flip_probability(frames) for frames in lines])

    rng = np.random.default_rng(seed)
    counts = []
    for _ in range(resamples):
        drawn = probabilities([probes[i] for i in rng.integers(len(probes), size=len(probes))])
        counts.append((rng.random(len(drawn)) < drawn).sum())
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(counts, [tail, 100 - tail])
    found = probabilities(probes)
    return Prediction(expected=float(found.sum()), interval=(float(low), float(high)), probabilities=found)
