"""The most probable alignment of a known text to the frames of a line (Viterbi)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from inkport.core.charset import BLANK, Charset
from inkport.core.ctc import Emission, Transcription


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
    top_two = np.partition(logits, -2, axis=1)[:, -2:]
    margins = top_two[:, 1] - top_two[:, 0]
    emissions = []
    for index, label in enumerate(labels):
        frames = np.flatnonzero(path == 2 * index + 1)
        emissions.append(
            Emission(
                symbol=charset.symbols[label - 1],
                first_frame=int(frames[0]),
                last_frame=int(frames[-1]),
                confidence=float(np.exp(log_prob[frames, label].max())),
                margin=float(margins[frames].min()),
            )
        )
    margin = float(margins.min()) if len(margins) else float("inf")
    return Transcription("".join(e.symbol for e in emissions), tuple(emissions), margin)


def _best_path(log_prob: npt.NDArray[np.float64], labels: Sequence[int]) -> npt.NDArray[np.int64]:
    """Return which place of ``blank, l1, blank, l2, ..., blank`` each frame stands on."""
    extended = np.full(2 * len(labels) + 1, BLANK, dtype=np.int64)
    extended[1::2] = labels
    skip = np.zeros(len(extended), dtype=bool)
    skip[2:] = (extended[2:] != BLANK) & (extended[2:] != extended[:-2])
    score = np.full(len(extended), -np.inf)
    score[:2] = log_prob[0, extended[:2]]
    back = np.zeros((len(log_prob), len(extended)), dtype=np.int64)
    for frame in range(1, len(log_prob)):
        stay = score
        step = np.concatenate(([-np.inf], score[:-1]))
        jump = np.where(skip, np.concatenate(([-np.inf, -np.inf], score[:-2]))[: len(score)], -np.inf)
        choices = np.stack([stay, step, jump])
        back[frame] = choices.argmax(axis=0)
        score = choices.max(axis=0) + log_prob[frame, extended]
    path = np.zeros(len(log_prob), dtype=np.int64)
    place = len(extended) - 1
    if len(extended) > 1 and score[-2] > score[-1]:
        place -= 1
    for frame in range(len(log_prob) - 1, -1, -1):
        path[frame] = place
        place -= int(back[frame, place])
    return path
