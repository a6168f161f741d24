"""Greedy (best-path) CTC decoding that keeps what a comparison needs: frames and gaps.

The frames a target may have for a text are counted here too, because CTC needs one frame per symbol and
one more between equal neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from inkport.core.charset import BLANK, Charset
from inkport.core.errors import SpecMismatchError


@dataclass(frozen=True)
class Emission:
    """One symbol that was read, and where."""

    symbol: str
    """The symbol."""
    first_frame: int
    """First frame of its run, counted from 0."""
    last_frame: int
    """Last frame of its run, included."""
    confidence: float
    """Softmax probability of the symbol at its best frame, 0..1."""
    gap: float
    """Smallest top-1 minus top-2 logit over the run, >= 0: how far the reading is from changing here."""


@dataclass(frozen=True)
class Transcription:
    """What was read on one line."""

    text: str
    """The text, as decoded."""
    emissions: tuple[Emission, ...]
    """One entry per symbol, in reading order."""
    gap: float
    """Smallest top-1 minus top-2 logit over all frames, blank frames included; infinity without frames."""
    confidence: float | None = None
    """How sure the line is, 0..1, as a recogniser says that returns text; else the symbols say it."""


Decode = Callable[[npt.NDArray[np.float32], Charset], Transcription]
"""A decoder: ``greedy`` here, or ``inkport.core.beam.BeamDecoder``."""
Read = Callable[[npt.NDArray[np.float32], Charset], str]
"""A decoder that returns the text alone, for who needs no places: ``greedy_text``, or ``BeamDecoder.text``."""


def frames_needed(labels: Sequence[int]) -> int:
    """Return how many frames CTC needs at the least for ``labels``: one each, one more per repeat.

    Source:
        Graves et al., *Connectionist Temporal Classification* (2006), section 3.
    """
    return len(labels) + sum(a == b for a, b in pairwise(labels))


def best_path(logits: npt.NDArray[np.float32], charset: Charset) -> list[int]:
    """Return the labels that ``greedy`` reads, without places; its arguments and errors."""
    path = _path(logits, charset)
    labels: list[int] = path[_starts(path) & (path != BLANK)].tolist()
    return labels


def greedy_text(logits: npt.NDArray[np.float32], charset: Charset) -> str:
    """Return the text that ``greedy`` reads, without places and confidences; its arguments and errors."""
    return charset.decode(best_path(logits, charset))


def greedy(logits: npt.NDArray[np.float32], charset: Charset) -> Transcription:
    """Decode one line by best path: arg max per frame, merge repeats, drop blanks.

    Args:
        logits: float32 (t, k), scores before softmax; columns follow the charset's labels, blank first.
        charset: The recogniser's charset, ``k == charset.size``.

    Raises:
        SpecMismatchError: If the shape does not fit the charset, or a value is not finite.

    Source:
        Graves, *Supervised Sequence Labelling with Recurrent Neural Networks* (2012), section 7.5.1.
    """
    path = _path(logits, charset)
    if not len(path):
        return Transcription("", (), float("inf"))
    return transcribe(logits, path, np.flatnonzero(_starts(path)), charset)


def transcribe(
    logits: npt.NDArray[np.float32],
    path: npt.NDArray[np.intp],
    starts: npt.NDArray[np.intp],
    charset: Charset,
) -> Transcription:
    """Return what a path through a line's frames reads: one emission per run of frames that is not blank.

    Args:
        logits: float32 (t, k), finite, ``t`` at least 1.
        path: int (t,), the label of each frame.
        starts: int (r,), the first frame of each run, from 0 upwards.
        charset: The recogniser's charset.
    """
    peaks = logits.max(axis=1)
    chosen = logits[np.arange(len(path)), path]
    probability = np.exp(chosen - peaks) / np.exp(logits - peaks[:, None]).sum(axis=1)
    gaps = top_gaps(logits)
    runs = zip(
        path[starts].tolist(),
        starts.tolist(),
        [*starts[1:].tolist(), len(path)],
        np.maximum.reduceat(probability, starts).tolist(),
        np.minimum.reduceat(gaps, starts).tolist(),
        strict=True,
    )
    emissions = tuple(
        Emission(charset.symbols[label - 1], start, end - 1, confidence, gap)
        for label, start, end, confidence, gap in runs
        if label != BLANK
    )
    return Transcription("".join(e.symbol for e in emissions), emissions, float(gaps.min()))


def top_gaps(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return top-1 minus top-2 logit per frame, float32 (t,), for logits float32 (t, k) with k at least 2."""
    frames = np.arange(len(logits))
    best = logits.argmax(axis=1)
    others = logits.copy()
    others[frames, best] = -np.inf
    gaps: npt.NDArray[np.float32] = logits[frames, best] - others.max(axis=1)
    return gaps


def _path(logits: npt.NDArray[np.float32], charset: Charset) -> npt.NDArray[np.intp]:
    """Check logits and return the best label of each frame."""
    if logits.ndim != 2 or logits.shape[1] != charset.size:
        raise SpecMismatchError(f"expected logits of shape (t, {charset.size}), found {logits.shape}")
    if not np.isfinite(logits).all():
        raise SpecMismatchError("logits hold values that are not finite (NaN or infinity)")
    path: npt.NDArray[np.intp] = logits.argmax(axis=1)
    return path


def _starts(path: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    """Mark the first frame of each run of equal labels."""
    starts = np.ones(len(path), dtype=bool)
    np.not_equal(path[1:], path[:-1], out=starts[1:])
    return starts
