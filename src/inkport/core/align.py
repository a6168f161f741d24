"""The most probable alignment of a known text to the frames of a line (Viterbi)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from inkport.core.charset import BLANK, Charset
from inkport.core.ctc import Emission, Transcription, top_margins


def align(logits: npt.NDArray[np.float32], labels: Sequence[int], charset: Charset) -> Transcription:
    """Place a text on its frames.

    Args:
        logits: float32 (t, k), finite.
        labels: Labels of the text, without blanks; at least one path must lead through ``t`` frames.
        charset: The recogniser's charset.

    Returns:
        The text; a symbol's confidence is its own best probability, its margin the smallest difference of the two
        best logits over its frames, as in ``greedy``.

    Source:
        Graves et al., *Connectionist Temporal Classification* (2006): the recursion with maxima for sums.
    """
    peaks = logits.max(axis=1, keepdims=True).astype(np.float64)
    log_prob = logits - peaks - np.log(np.exp(logits - peaks).sum(axis=1, keepdims=True))
    path = _best_path(log_prob, labels)
    margins = top_margins(logits)
    places = 2 * np.arange(len(labels)) + 1
    starts, ends = np.searchsorted(path, places).tolist(), np.searchsorted(path, places, side="right").tolist()
    emissions = tuple(
        Emission(
            charset.symbols[label - 1],
            start,
            end - 1,
            float(np.exp(log_prob[start:end, label].max())),
            float(margins[start:end].min()),
        )
        for label, start, end in zip(labels, starts, ends, strict=True)
    )
    margin = float(margins.min()) if len(margins) else float("inf")
    return Transcription("".join(e.symbol for e in emissions), emissions, margin)


def _best_path(log_prob: npt.NDArray[np.float64], labels: Sequence[int]) -> npt.NDArray[np.int64]:
    """Return which place of ``blank, l1, blank, l2, ..., blank`` each frame stands on."""
    extended = np.full(2 * len(labels) + 1, BLANK, dtype=np.int64)
    extended[1::2] = labels
    # What it costs to jump over a blank: nothing, or all where the blank is needed.
    jump = np.where((extended[2:] != BLANK) & (extended[2:] != extended[:-2]), 0.0, -np.inf)
    emitted = log_prob[:, extended]
    scores = np.full((len(log_prob), len(extended)), -np.inf)
    scores[0, :2] = emitted[0, :2]
    for frame in range(1, len(log_prob)):
        before, now = scores[frame - 1], scores[frame]
        now[0] = before[0]
        np.maximum(before[1:], before[:-1], out=now[1:])
        np.maximum(now[2:], before[:-2] + jump, out=now[2:])
        np.add(now, emitted[frame], out=now)
    place = len(extended) - 1
    if len(extended) > 1 and scores[-1, -2] > scores[-1, -1]:
        place -= 1
    path = np.zeros(len(log_prob), dtype=np.int64)
    for frame in range(len(log_prob) - 1, 0, -1):
        path[frame] = place
        before = scores[frame - 1]
        came = [before[place], before[place - 1] if place else -np.inf]
        came.append(before[place - 2] + jump[place - 2] if place > 1 else -np.inf)
        place -= came.index(max(came))
    path[0] = place
    return path
