"""N-grams with their probabilities, as estimated or read from a file; ``model.py`` makes them ready for scoring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


UNKNOWN, START, END = 0, 1, 2
"""Ids of the unknown symbol, of the line's start and of its end; other symbols follow from 3."""
SPECIAL = ("<unk>", "<s>", "</s>")
"""Their names in ARPA files."""
KEY_BITS = 64
"""Bits of an n-gram's key; an id takes at least two, so no n-gram has more than 32 symbols."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """All n-grams of one length, sorted by key."""

    keys: npt.NDArray[np.uint64]
    """uint64 (m,), strictly increasing: the ids of an n-gram, the first in the highest bits (``pack``)."""
    log_prob: npt.NDArray[np.float64]
    """float64 (m,), natural logarithm of the probability of the last symbol after the others, <= 0."""
    backoff: npt.NDArray[np.float64]
    """float64 (m,), natural logarithm of the weight of the shorter context where this n-gram is the context."""


@dataclass(frozen=True, kw_only=True)
class NGrams:
    """A back-off model: the n-grams that it holds, by length."""

    symbols: tuple[str, ...]
    """Names of the ids: the three of ``SPECIAL``, then single symbols by code point."""
    levels: tuple[Level, ...]
    """N-grams of length 1, 2, ..., order."""

    @property
    def order(self) -> int:
        """Length of the longest n-grams."""
        return len(self.levels)

    @property
    def bits(self) -> int:
        """Bits per id in a key."""
        return bits_for(len(self.symbols))


def bits_for(symbols: int) -> int:
    """Return how many bits an id takes in a key."""
    return max(2, (symbols - 1).bit_length())


def pack(ids: npt.NDArray[np.int64], bits: int) -> npt.NDArray[np.uint64]:
    """Return the keys of n-grams, int64 (m, n) ids, as uint64 (m,)."""
    keys = np.zeros(len(ids), dtype=np.uint64)
    for column in ids.T:
        keys = (keys << np.uint64(bits)) | column.astype(np.uint64)
    return keys


def unpack(keys: npt.NDArray[np.uint64], length: int, bits: int) -> npt.NDArray[np.int64]:
    """Return the ids of keys, int64 (m, length); ``pack`` inverts it."""
    shifts = np.arange(length - 1, -1, -1, dtype=np.uint64) * np.uint64(bits)
    return ((keys[:, None] >> shifts) & np.uint64((1 << bits) - 1)).astype(np.int64)
