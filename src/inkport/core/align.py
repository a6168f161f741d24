"""The most probable alignment of a known text to the frames of a line (Viterbi)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from inkport.core.charset import BLANK, Charset
from inkport.core.ctc import Transcription, transcribe


def align(logits: npt.NDArray[np.float32], labels: Sequence[int], charset: Charset) -> Transcription:
    """Place a text on its frames.

    Args:
        logits: float32 (t, k), finite, ``t`` at least 1.
        labels: Labels of the text, without blanks; at least one path must lead through ``t`` frames.
        charset: The recogniser's charset.

    Returns:
        The text; a symbol's confidence is its own best probability, its margin the smallest difference of the two
        best logits over its frames, as in ``greedy``.

    Source:
        Graves et al., *Connectionist Temporal Classification* (2006): the recursion with maxima for sums.
    """
    places = np.full(2 * len(labels) + 1, BLANK, dtype=np.intp)
    places[1::2] = labels
    path = _best_path(logits, places)
    return transcribe(logits, places[path], np.flatnonzero(np.diff(path, prepend=-1)), charset)


def _best_path(logits: npt.NDArray[np.float32], places: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Return which of the places ``blank, l1, blank, l2, ..., blank`` each frame stands on.

    What a frame's probabilities are divided by is the same for all paths, so logits serve as they are.
    """
    # What it costs to jump over a place: nothing, or all where it is a symbol or a blank that is needed.
    jump = np.full(len(places), -np.inf)
    jump[2:][(places[2:] != BLANK) & (places[2:] != places[:-2])] = 0.0
    emitted = logits[:, places].astype(np.float64)
    # Two more places before the first, where no path goes, give each place three to come from.
    scores = np.full((len(logits), len(places) + 2), -np.inf)
    scores[0, 2:4] = emitted[0, :2]
    before, now, jumped = scores[:-1], scores[1:, 2:], np.empty(len(places))
    for leap, step, stay, best, emission in zip(
        before[:, :-2], before[:, 1:-1], before[:, 2:], now, emitted[1:], strict=True
    ):
        np.maximum(stay, step, out=best)
        np.add(leap, jump, out=jumped)
        np.maximum(best, jumped, out=best)
        np.add(best, emission, out=best)
    place = len(places) - 1
    if place and scores[-1, -2] > scores[-1, -1]:
        place -= 1
    path, costs = [place], jump.tolist()
    for row in before[::-1]:
        leap, step, stay = row[place : place + 3].tolist()
        leap += costs[place]
        if step > stay or leap > stay:
            place -= 1 if step >= leap else 2
        path.append(place)
    return np.array(path[::-1], dtype=np.intp)
