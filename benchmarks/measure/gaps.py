"""How far each frame of a reading is from another label, and whether that would change the text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inkport.core.charset import BLANK


@dataclass(frozen=True, kw_only=True)
class FrameMargins:
    """The two best labels of each frame of one line, as the reference sees them."""

    margins: npt.NDArray[np.float64]
    """Logit of the best label minus that of the second best, float64 (t,), at least 0."""
    best: npt.NDArray[np.int64]
    """The best label, int64 (t,)."""
    rival: npt.NDArray[np.int64]
    """The second best, int64 (t,)."""
    matters: npt.NDArray[np.bool_]
    """Whether the text changes if this frame alone goes over to its rival, bool (t,)."""

    @property
    def threshold(self) -> float:
        """Smallest margin that matters: below it, no error of the logits at one frame changes the text."""
        return float(self.margins[self.matters].min()) if self.matters.any() else float("inf")


def find_margins(logits: npt.NDArray[np.float32]) -> FrameMargins:
    """Compare the best label of each frame with the second best.

    Most frames with a small margin stand at the edge of a symbol, where blank and symbol meet: there the label may
    change and the text does not, because CTC merges repeats and drops blanks. ``matters`` tells them apart exactly.

    Args:
        logits: float32 (t, k), k at least 2.
    """
    order = np.argpartition(logits, -2, axis=1)[:, -2:].astype(np.int64)
    pair = np.take_along_axis(logits, order, axis=1).astype(np.float64)
    # The first of equals is the best, as in ``argmax``.
    best = logits.argmax(axis=1).astype(np.int64)
    rival = np.where(order[:, 1] == best, order[:, 0], order[:, 1])
    return FrameMargins(
        margins=np.abs(pair[:, 1] - pair[:, 0]), best=best, rival=rival, matters=_changes_text(best, rival)
    )


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
