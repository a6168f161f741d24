"""Character n-gram models: n-grams as estimated or read, and the trie of contexts that scores with them."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inkport.core.charset import Charset
from inkport.core.errors import ArtifactCorruptError, SpecMismatchError


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


START_SIGN, END_SIGN = "\x01", "\x02"
"""Stand for the line's start and end; no charset holds control characters, and they sort before all its symbols."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Trie:
    """The n-grams as nodes, by length and then in order; node 0 is the empty context.

    A node's children are the n-grams that continue it, and stand together.
    """

    order: int
    """Length of the longest n-grams."""
    charset_sha256: str
    """Digest of the charset that it was built for."""
    unknown: float
    """Natural logarithm of the probability of each symbol of the charset that the text never had."""
    points: npt.NDArray[np.uint32]
    """uint32 (nodes,), code point of the last symbol; 0 for node 0."""
    children: npt.NDArray[np.uint16]
    """uint16 (nodes,), number of children."""
    log_prob: npt.NDArray[np.float16]
    """float16 (nodes,), natural logarithm of the probability of the last symbol after the others."""
    backoff: npt.NDArray[np.float16]
    """float16 (nodes,), natural logarithm of the weight of the shorter context."""


class CharModel:
    """Scores symbols one by one; a state is the longest context that the model knows.

    Args:
        trie: The n-grams.

    Raises:
        ArtifactCorruptError: If the numbers do not make a trie.
    """

    def __init__(self, trie: Trie) -> None:
        self.trie = trie
        if fault := _fault(trie):
            raise ArtifactCorruptError(
                f"the language model's numbers do not make a trie: {fault}", remedy="build it again"
            )
        children = trie.children.astype(np.int64)
        first = 1 + np.concatenate(([0], np.cumsum(children)))
        links = _links(trie, children, first)
        self._text = "".join(map(chr, trie.points.tolist()))
        self._first = first.astype(np.int32).data
        self._log_prob = trie.log_prob.astype(np.float32).data
        self._backoff = trie.backoff.astype(np.float32).data
        self._links = links.astype(np.int32).data
        self._states = _states(trie, children, links).astype(np.int32).data
        root_end = int(first[1])
        start = self._text.find(START_SIGN, 1, root_end)
        self.start: int = 0 if start < 0 else self._states[start]

    def step(self, state: int, symbol: str) -> tuple[float, int]:
        """Return the natural log-probability of ``symbol`` after ``state``, and the state after it."""
        weight, first, find = 0.0, self._first, self._text.find
        while True:
            node = find(symbol, first[state], first[state + 1])
            if node >= 0:
                return weight + self._log_prob[node], self._states[node]
            weight += self._backoff[state]
            if state == 0:
                return weight + self.trie.unknown, 0
            state = self._links[state]

    def end(self, state: int) -> float:
        """Return the natural log-probability that the line ends after ``state``."""
        return self.step(state, END_SIGN)[0]

    def score(self, text: str) -> float:
        """Return the natural log-probability of a whole line, its end included."""
        total, state = 0.0, self.start
        for symbol in text:
            value, state = self.step(state, symbol)
            total += value
        return total + self.end(state)


def _fault(trie: Trie) -> str | None:
    """Return what is wrong with numbers that may come from anywhere."""
    shapes = [array.shape for array in (trie.points, trie.children, trie.log_prob, trie.backoff)]
    nodes, children = trie.points.size, trie.children.astype(np.int64)
    if not nodes or set(shapes) != {(nodes,)}:
        return f"arrays of {', '.join(map(str, shapes))}"
    # A node comes after the one that it continues, so that every walk to a parent ends.
    if children.sum() != nodes - 1 or (np.cumsum(children)[:-1] < np.arange(1, nodes)).any():
        return f"{children.sum()} children for {nodes} nodes, or a node before the one that it continues"
    if not 1 <= trie.order <= KEY_BITS // 2 or trie.points.max() > sys.maxunicode:
        return f"order {trie.order}, code points up to {trie.points.max()}"
    log_prob = np.append(trie.log_prob, trie.unknown)
    if not (np.isfinite(log_prob).all() and np.isfinite(trie.backoff).all() and log_prob.max() <= 0):
        return "a logarithm that is infinite or no number, or a probability above 1"
    return None


def build_trie(ngrams: NGrams, charset: Charset) -> Trie:
    """Make a trie of n-grams for a charset.

    Raises:
        SpecMismatchError: If the model has symbols outside the charset, or no probability for symbols that it lacks.
        ArtifactCorruptError: If an n-gram is there without the shorter one that it continues.
    """
    names = ngrams.symbols[len(SPECIAL) :]
    if foreign := sorted(set(names) - set(charset.symbols)):
        raise SpecMismatchError(
            f"the language model has symbols outside the charset: {foreign[:10]}",
            remedy="train it on text in the recogniser's charset (inkport lm tokens)",
        )
    missing = charset.size - 1 - len(names)
    points = np.array([0, ord(START_SIGN), ord(END_SIGN), *map(ord, names)], dtype=np.uint32)
    last_points, log_probs, backoffs = [points[:1]], [np.zeros(1)], [np.zeros(1)]
    children: list[npt.NDArray[np.int64]] = []
    parents, unknown = np.zeros(1, dtype=np.uint64), 0.0
    bits = np.uint64(ngrams.bits)
    for length, level in enumerate(ngrams.levels, start=1):
        last = (level.keys & np.uint64((1 << ngrams.bits) - 1)).astype(np.int64)
        if length == 1 and missing:
            unknown = _unknown(level.keys, level.log_prob, missing)
        keep = np.flatnonzero(_without(level.keys, UNKNOWN, length, ngrams.bits))
        keys = level.keys[keep]
        above = keys >> bits if length > 1 else np.zeros(len(keys), dtype=np.uint64)
        place = np.minimum(np.searchsorted(parents, above), len(parents) - 1)
        if (parents[place] != above).any():
            raise ArtifactCorruptError(f"a {length}-gram is there without the one that it continues")
        children.append(np.bincount(place, minlength=len(parents)))
        last_points.append(points[last[keep]])
        log_probs.append(level.log_prob[keep])
        backoffs.append(level.backoff[keep])
        parents = keys
    children.append(np.zeros(len(parents), dtype=np.int64))
    return Trie(
        order=ngrams.order,
        charset_sha256=charset.digest,
        unknown=unknown,
        points=np.concatenate(last_points),
        children=np.concatenate(children).astype(np.uint16),
        log_prob=np.concatenate(log_probs).astype(np.float16),
        backoff=np.concatenate(backoffs).astype(np.float16),
    )


def _without(keys: npt.NDArray[np.uint64], symbol: int, length: int, bits: int) -> npt.NDArray[np.bool_]:
    kept = np.ones(len(keys), dtype=bool)
    for place in range(length):
        kept &= (keys >> np.uint64(bits * place)) & np.uint64((1 << bits) - 1) != symbol
    return kept


def _unknown(keys: npt.NDArray[np.uint64], log_prob: npt.NDArray[np.float64], missing: int) -> float:
    """Share the probability of the unknown symbol among those that the text never had."""
    found = np.flatnonzero(keys == UNKNOWN)
    if not len(found):
        raise SpecMismatchError(
            f"the language model lacks {missing} symbols of the charset and has no <unk>",
            remedy="estimate it with a probability for unknown symbols",
        )
    return float(log_prob[found[0]]) - float(np.log(missing))


def _links(trie: Trie, children: npt.NDArray[np.int64], first: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return for each node the node of its longest shorter context that is there."""
    nodes, points = len(children), trie.points.astype(np.int64)
    parent = np.zeros(nodes, dtype=np.int64)
    parent[1:] = np.repeat(np.arange(nodes), children)
    pair = parent * (1 << 21) + points
    pair[0] = -1
    if (np.diff(pair) <= 0).any():
        raise ArtifactCorruptError("the language model's n-grams are not in order", remedy="build it again")
    links = np.zeros(nodes, dtype=np.int64)
    begin, end = int(first[1]), int(first[1])
    for _ in range(1, trie.order):
        begin, end = end, int(first[end])
        level = np.arange(begin, end)
        context, open_ = links[parent[level]], np.ones(len(level), dtype=bool)
        while open_.any():
            wanted = context * (1 << 21) + points[level]
            found = np.minimum(np.searchsorted(pair, wanted), nodes - 1)
            hit = open_ & (pair[found] == wanted)
            links[level[hit]] = found[hit]
            open_ &= ~hit & (context != 0)
            context = links[context]
    if end != nodes:
        raise ArtifactCorruptError(
            f"the language model has longer n-grams than its order, {trie.order}", remedy="build it again"
        )
    return links


def _states(trie: Trie, children: npt.NDArray[np.int64], links: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return for each node the context to go on with: where nothing continues it, the next shorter one."""
    states = np.arange(len(children))
    idle = (children == 0) & (trie.backoff == 0)
    idle[0] = False
    for _ in range(trie.order):
        states = np.where(idle[states], links[states], states)
    return states
