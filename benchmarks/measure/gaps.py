"""How far each frame of a reading is from another label, and how many lines a port will flip because of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inkport.benchmarks.measure import CONFIDENCE, RESAMPLES
from inkport.core.charset import BLANK


@dataclass(frozen=True, kw_only=True)
class FrameGaps:
    """The two best labels of each frame of one line, as the reference sees them."""

    gaps: npt.NDArray[np.float64]
    """Logit of the best label minus that of the second best, float64 (t,), at least 0."""
    best: npt.NDArray[np.int64]
    """The best label, int64 (t,)."""
    rival: npt.NDArray[np.int64]
    """The second best, int64 (t,)."""
    matters: npt.NDArray[np.bool_]
    """Whether the text changes if this frame alone goes over to its rival, bool (t,)."""

    @property
    def threshold(self) -> float:
        """Smallest gap that matters: below it, no error of the logits at one frame changes the text."""
        return float(self.gaps[self.matters].min()) if self.matters.any() else float("inf")


def find_gaps(logits: npt.NDArray[np.float32]) -> FrameGaps:
    """Compare the best label of each frame with the second best.

    Most frames with a small gap stand at the edge of a symbol, where blank and symbol meet: there the label may
    change and the text does not, because CTC merges repeats and drops blanks. ``matters`` tells them apart exactly.

    Args:
        logits: float32 (t, k), k at least 2.
    """
    order = np.argpartition(logits, -2, axis=1)[:, -2:].astype(np.int64)
    pair = np.take_along_axis(logits, order, axis=1).astype(np.float64)
    # The first of equals is the best, as in ``argmax``.
    best = logits.argmax(axis=1).astype(np.int64)
    rival = np.where(order[:, 1] == best, order[:, 0], order[:, 1])
    return FrameGaps(gaps=np.abs(pair[:, 1] - pair[:, 0]), best=best, rival=rival, matters=_changes_text(best, rival))


def _changes_text(best: npt.NDArray[np.int64], rival: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return whether the symbols emitted at a frame and the next differ between its best label and its rival.

    What a frame emits depends on the label before it alone, so a change of one frame reaches no farther than the
    next; and the text is the same exactly if the symbols of these two frames, blanks dropped, are the same.
    """
    before = np.concatenate(([BLANK], best[:-1]))
    after = np.concatenate((best[1:], [BLANK]))
    return np.asarray(_emitted(before, best, after) != _emitted(before, rival, after))


def _emitted(
    before: npt.NDArray[np.int64], label: npt.NDArray[np.int64], after: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Return a number for the symbols that ``label`` and ``after`` emit, the same for the same symbols in order."""
    first = np.where(label == before, BLANK, label)
    second = np.where(after == label, BLANK, after)
    base = int(max(before.max(initial=0), label.max(initial=0), after.max(initial=0))) + 1
    alone = np.where(first == BLANK, second, first)
    return np.where((first != BLANK) & (second != BLANK), first * base + second + base, alone)


Array = npt.NDArray[np.float64]

FEW = 20
"""Frames with an error below which there is nothing to learn from."""
TAIL = 0.05
"""Share of the largest errors that the tail is fitted to."""


def logit_errors(frames: FrameGaps, logits: npt.NDArray[np.float32]) -> Array:
    """Return how much a port moves each frame towards its rival, float64 (t,): above the gap, the label changes.

    Args:
        frames: The reference's gaps on the line.
        logits: The port's logits on it, float32 (t, k).
    """
    places = np.arange(len(logits))
    port = logits[places, frames.rival].astype(np.float64) - logits[places, frames.best]
    return np.asarray(port + frames.gaps)


@dataclass(frozen=True, kw_only=True)
class ErrorModel:
    """The distribution of a port's errors between the two best labels of a frame, given the frame's gap.

    An error is ``scale(gap) * u``. The scale falls with the gap (a frame where the network is unsure is one
    where its logits are also less stable), log-linearly; ``u`` is symmetric about zero, with the distribution that
    was seen and, beyond its largest 5 %, a power law.

    Source:
        Hill, *A Simple General Approach to Inference About the Tail of a Distribution* (1975): the exponent.
    """

    intercept: float
    """Logarithm of the scale at gap 0."""
    slope: float
    """Change of that logarithm per unit of gap."""
    sizes: Array
    """What was seen of ``|u|``, sorted, float64 (n,); empty if the port showed no error."""
    exponent: float
    """Exponent of the tail, above 0."""

    @classmethod
    def fit(cls, errors: Sequence[Array], gaps: Sequence[Array]) -> ErrorModel:
        """Learn from lines that both have read.

        Args:
            errors: From ``logit_errors``, one array per line.
            gaps: The reference's gaps of the same frames.
        """
        size = np.abs(np.concatenate(errors)) if errors else np.zeros(0)
        gap = np.concatenate(gaps) if gaps else np.zeros(0)
        seen = size > 0
        if seen.sum() < FEW:
            return cls(intercept=-np.inf, slope=0.0, sizes=np.zeros(0), exponent=1.0)
        slope, intercept = np.polyfit(gap[seen], np.log(size[seen]), 1)
        sizes = np.sort(size / np.exp(intercept + slope * gap))
        largest = sizes[-max(2, int(TAIL * len(sizes))) :]
        spread = float(np.log(largest / largest[0]).mean())
        return cls(
            intercept=float(intercept), slope=float(slope), sizes=sizes, exponent=1 / spread if spread > 0 else np.inf
        )

    def exceeds(self, gaps: Array) -> Array:
        """Return the probability that an error goes over to the rival by more than each gap, 0..1/2."""
        if not len(self.sizes):
            return np.zeros(len(gaps))
        u = np.asarray(gaps, dtype=np.float64) / np.exp(self.intercept + self.slope * np.asarray(gaps))
        count = max(2, int(TAIL * len(self.sizes)))
        start = self.sizes[-count]
        seen = 1 - np.searchsorted(self.sizes, u, side="left") / len(self.sizes)
        tail = count / len(self.sizes) * (np.maximum(u, start) / start) ** -self.exponent
        # Half of the errors go the other way.
        return np.asarray(0.5 * np.where(u <= start, seen, tail))


PROBES = 20
"""Lines that the errors are learned from: some thousand frames, of which the unsure ones count."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A line that the port has read."""

    errors: Array
    """From ``logit_errors``, float64 (t,)."""
    frames: FrameGaps
    """The reference's gaps on it."""


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
    probes: Sequence[Probe], lines: Sequence[FrameGaps], *, seed: int = 0, resamples: int = RESAMPLES
) -> Prediction:
    """Predict the flips on ``lines`` from the errors on a few probe lines.

    A line flips if the error at a frame that matters is too large. Frames are taken as independent given their gaps.
    Changes that need two frames at once, and third-best labels, are left out, so the prediction is a little low.

    The interval holds both what is not known of the errors (probe lines are drawn with replacement and the model is
    fitted again: errors of one line resemble each other) and chance (each line flips or does not).

    Args:
        probes: Lines that the port has read, at least one.
        lines: The reference's gaps of the lines to predict.
        seed: Of the draws.
        resamples: How many; each draws the probe lines, and then the flips.
    """
    line = np.repeat(np.arange(len(lines)), [int(frames.matters.sum()) for frames in lines])
    gaps = np.concatenate([np.zeros(0), *(frames.gaps[frames.matters] for frames in lines)])
    # In this order a model looks its chances up several times faster.
    order = np.argsort(gaps)
    line, gaps = line[order], gaps[order]

    def probabilities(chosen: Sequence[Probe]) -> npt.NDArray[np.float64]:
        model = ErrorModel.fit([probe.errors for probe in chosen], [probe.frames.gaps for probe in chosen])
        stays = np.bincount(line, weights=np.log1p(-model.exceeds(gaps)), minlength=len(lines))
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
