"""How many lines a port will read differently, with an interval, and which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inkport.benchmarks.measure import CONFIDENCE, RESAMPLES
from inkport.benchmarks.measure.flip_model import Array, ErrorModel
from inkport.benchmarks.measure.gaps import FrameMargins


PROBES = 20
"""Lines that the errors are learned from: some thousand frames, of which the unsure ones count."""


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
    """Within which the number of flips of that share of ports lies that ``CONFIDENCE`` says."""
    probabilities: npt.NDArray[np.float64]
    """Of each line to read differently, float64 (lines,)."""


def predict(
    probes: Sequence[Probe], lines: Sequence[FrameMargins], *, seed: int = 0, resamples: int = RESAMPLES
) -> Prediction:
    """Predict the flips on ``lines`` from the errors on a few probe lines.

    A line flips if the error at a frame that matters is too large. Frames are taken as independent given their margins.
    Changes that need two frames at once, and third-best labels, are left out, so the prediction is a little low.

    The interval holds both what is not known of the errors (probe lines are drawn with replacement and the model is
    fitted again: errors of one line resemble each other) and chance (each line flips or does not).

    Args:
        probes: Lines that the port has read, at least one.
        lines: The reference's margins of the lines to predict.
        seed: Of the draws.
        resamples: How many; each draws the probe lines, and then the flips.
    """
    line = np.repeat(np.arange(len(lines)), [int(frames.matters.sum()) for frames in lines])
    margins = np.concatenate([np.zeros(0), *(frames.margins[frames.matters] for frames in lines)])
    # In this order a model looks its chances up several times faster.
    order = np.argsort(margins)
    line, margins = line[order], margins[order]

    def probabilities(chosen: Sequence[Probe]) -> npt.NDArray[np.float64]:
        model = ErrorModel.fit([probe.errors for probe in chosen], [probe.frames.margins for probe in chosen])
        stays = np.bincount(line, weights=np.log1p(-model.exceeds(margins)), minlength=len(lines))
        return np.asarray(-np.expm1(stays))

    rng = np.random.default_rng(seed)
    counts = []
    for _ in range(resamples):
        drawn = probabilities([probes[i] for i in rng.integers(len(probes), size=len(probes))])
        counts.append((rng.random(len(drawn)) < drawn).sum())
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(counts, [tail, 100 - tail])
    found = probabilities(probes)
    return Prediction(expected=float(found.sum()), interval=(float(low), float(high)), probabilities=found)
