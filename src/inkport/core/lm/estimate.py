"""Estimation of character n-gram models by interpolated modified Kneser-Ney smoothing.

KenLM's ``lmplz`` is the reference: it comes without a package to install, so the estimation is done here in numpy
and a test holds it to the numbers that ``lmplz`` gives for the same text.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from inkport.core.charset import Charset, normalise_text
from inkport.core.errors import LineDataError, UsageError
from inkport.core.lm.model import END, KEY_BITS, SPECIAL, START, UNKNOWN, Level, NGrams, bits_for


LOOK_ALIKES = str.maketrans(
    {"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-", "\u2026": "..."}
)
"""Typographic signs as transcriptions write them; taken only where the charset lacks the sign."""


def as_lines(paragraphs: Iterable[str], charset: Charset, *, width: int) -> Iterator[str]:
    """Yield paragraphs cut at word borders into lines; a line with a symbol outside the charset is left out.

    A handwritten line begins and ends in the middle of a sentence; text must do so too.

    Args:
        paragraphs: Text, one paragraph each.
        charset: The recogniser's charset.
        width: Most symbols per line, at least 1; a longer word makes a longer line.
    """
    for paragraph in paragraphs:
        for line in textwrap.wrap(normalise_text(paragraph), width, break_long_words=False, break_on_hyphens=False):
            yield from in_charset([line], charset)


def in_charset(texts: Iterable[str], charset: Charset) -> Iterator[str]:
    """Yield the texts in normal form, look-alikes replaced; a text with a symbol outside the charset is left out."""
    missing = {ord(sign) for sign in map(chr, LOOK_ALIKES) if sign not in charset.symbols}
    table = {point: LOOK_ALIKES[point] for point in missing}
    known = frozenset(charset.symbols)
    for text in texts:
        line = normalise_text(text.translate(table))
        if line and known.issuperset(line):
            yield line


FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)
"""For lengths whose counts give none, as ``lmplz --discount_fallback`` takes them; unigrams of characters are so."""

Keys = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]


def estimate(texts: Iterable[str], *, order: int, prune: Sequence[int] = ()) -> NGrams:
    """Estimate a model of the symbols of lines; each line starts and ends by itself.

    Args:
        texts: Lines of text without control characters.
        order: Length of the longest n-grams, at least 2; the model's is lower where the text is so short that none of
            this length is left.
        prune: Counts up to which n-grams are dropped, by length from 1; the last holds for all longer ones. The
            first must be 0, and none may be below the one before.

    Raises:
        UsageError: If the order or the pruning is out of range for these texts.
        LineDataError: If there is no text, or so little that no n-gram of two symbols is left.

    Source:
        Chen and Goodman, *An Empirical Study of Smoothing Techniques for Language Modeling* (1998), section 3;
        Heafield et al., *Scalable Modified Kneser-Ney Language Model Estimation* (2013), with its treatment of
        pruned n-grams: their mass goes to the shorter context.
    """
    stream, symbols = _encode(texts)
    bits = bits_for(len(symbols))
    if not 2 <= order <= KEY_BITS // bits:
        raise UsageError(
            f"order {order}: {len(symbols)} symbols allow 2 to {KEY_BITS // bits}", remedy="choose another --order"
        )
    thresholds = _thresholds(prune, order)
    raw = [_count(stream, length, bits) for length in range(1, order + 1)]
    adjusted = [_adjust(raw[n], raw[n + 1] if n + 1 < order else None, n + 1, bits) for n in range(order)]
    levels: list[Level] = []
    for n in range(order):
        keep = raw[n][1] > thresholds[n]
        if n and not keep.any():
            # Neither is any longer one kept, which occurs no oftener: the model ends here.
            if n == 1:
                raise LineDataError(
                    f"too little text: no two symbols follow one another more than {thresholds[n]} times",
                    remedy="pass more text, or lower the second number of --prune",
                )
            break
        probability, gamma, contexts = _smooth(
            raw[n][0], adjusted[n], keep, levels[-1] if levels else None, bits=bits, length=n + 1
        )
        if n:
            levels[-1] = _with_backoff(levels[-1], contexts, gamma)
            keys, log_prob = raw[n][0][keep], np.log(probability[keep])
        else:
            keys, log_prob = _unigrams(raw[0][0], probability, float(gamma[0]), len(symbols))
        levels.append(Level(keys=keys, log_prob=log_prob, backoff=np.zeros(len(keys))))
    return NGrams(symbols=symbols, levels=tuple(levels))


def _encode(texts: Iterable[str]) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Return all lines as one stream of ids, each between its start and its end, and the names of the ids."""
    joined = "".join(f"\x01{text}\x02" for text in texts if text)
    if not joined:
        raise LineDataError("there is no text to estimate a language model on", remedy="pass --text or --lines")
    points = np.frombuffer(joined.encode("utf-32-le"), dtype=np.uint32)
    distinct, ids = np.unique(points, return_inverse=True)
    # Code points 1 and 2, the borders, are the lowest: their indices 0 and 1 become START and END.
    return ids.astype(np.int64) + START, (*SPECIAL, *(chr(point) for point in distinct[2:]))


def _thresholds(prune: Sequence[int], order: int) -> list[int]:
    filled = [*prune[:order], *([prune[-1] if prune else 0] * (order - len(prune)))]
    if filled[0] != 0 or any(b < a for a, b in pairwise(filled)):
        raise UsageError(f"prune {list(prune)}: the first must be 0, and none below the one before")
    return filled


def _count(stream: npt.NDArray[np.int64], length: int, bits: int) -> tuple[Keys, Counts]:
    """Count the n-grams of one length that lie within a line; the start alone is none."""
    places = len(stream) - length + 1
    keys = np.zeros(max(0, places), dtype=np.uint64)
    inside = np.ones(len(keys), dtype=bool)
    for offset in range(length):
        part = stream[offset : offset + len(keys)]
        keys = (keys << np.uint64(bits)) | part.astype(np.uint64)
        if offset < length - 1:
            inside &= part != END
    if length == 1:
        inside &= stream != START
    distinct, counts = np.unique(keys[inside], return_counts=True)
    return distinct, counts.astype(np.int64)


def _adjust(level: tuple[Keys, Counts], longer: tuple[Keys, Counts] | None, length: int, bits: int) -> Counts:
    """Return how many symbols stand before each n-gram; its own count where it is longest or begins a line."""
    keys, counts = level
    if longer is None:
        return counts
    suffixes, preceding = np.unique(longer[0] & _mask(length, bits), return_counts=True)
    adjusted = counts.copy()
    first = keys >> np.uint64(bits * (length - 1))
    inner = np.flatnonzero(first != START)
    adjusted[inner] = preceding[np.searchsorted(suffixes, keys[inner])]
    return adjusted


def _discounts(counts: Counts) -> npt.NDArray[np.float64]:
    """Return what is taken off counts of 0, 1, 2 and 3 or more (Chen and Goodman, equation 26)."""
    n = [float(np.count_nonzero(counts == k)) for k in range(5)]
    amounts = [0.0, *FALLBACK_DISCOUNTS]
    if all(n[1:4]):
        y = n[1] / (n[1] + 2 * n[2])
        found = [k - (k + 1) * y * n[k + 1] / n[k] for k in (1, 2, 3)]
        if all(0 <= amount <= k for k, amount in enumerate(found, start=1)):
            amounts = [0.0, *found]
    return np.array(amounts)


def _smooth(
    keys: Keys, counts: Counts, keep: npt.NDArray[np.bool_], shorter: Level | None, *, bits: int, length: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], Keys]:
    """Return interpolated probabilities, and the weight of the shorter context by context."""
    discounts = _discounts(counts)
    contexts, start = np.unique(keys >> np.uint64(bits), return_index=True)
    sizes = np.diff(np.append(start, len(keys)))
    total = np.add.reduceat(counts, start).astype(np.float64)
    left = np.where(keep, counts - discounts[np.minimum(counts, 3)], 0.0)
    gamma = 1.0 - np.add.reduceat(left, start) / total
    lower = np.zeros(len(keys))
    if shorter is not None:
        suffix = keys & _mask(length - 1, bits)
        found = np.minimum(np.searchsorted(shorter.keys, suffix), len(shorter.keys) - 1)
        lower = np.exp(shorter.log_prob[found])
    return left / np.repeat(total, sizes) + np.repeat(gamma, sizes) * lower, gamma, contexts


def _with_backoff(level: Level, contexts: Keys, gamma: npt.NDArray[np.float64]) -> Level:
    """Return the level with the weights of its n-grams as contexts; a pruned n-gram's are dropped with it."""
    found = np.minimum(np.searchsorted(level.keys, contexts), len(level.keys) - 1)
    there = level.keys[found] == contexts
    backoff = level.backoff.copy()
    backoff[found[there]] = np.log(gamma[there])
    return Level(keys=level.keys, log_prob=level.log_prob, backoff=backoff)


def _unigrams(
    keys: Keys, probability: npt.NDArray[np.float64], gamma: float, symbols: int
) -> tuple[Keys, npt.NDArray[np.float64]]:
    """Share ``gamma`` among all symbols and the unknown one; the start is never predicted but is a context."""
    share = gamma / (symbols - 1)
    log_prob = np.full(symbols, np.log(share))
    log_prob[keys.astype(np.int64)] = np.log(probability + share)
    log_prob[START] = 0.0
    log_prob[UNKNOWN] = np.log(share)
    return np.arange(symbols, dtype=np.uint64), log_prob


def _mask(length: int, bits: int) -> np.uint64:
    return np.uint64((1 << (bits * length)) - 1)
