"""Words out of symbols, with their places on the page and other readings of them.

A symbol's place in a strip is where the recogniser was sure of it, often a single frame. Its cell reaches half-way to
the centres of its neighbours, as far on its other side where it has but one, and half a strip's height to both sides
where it has none. A word takes the cells of its symbols.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from inkport.core.charset import BLANK, Charset
from inkport.core.ctc import Emission
from inkport.core.line_reading import Symbol
from inkport.pages.page import Alternative, Points, Word


MOST_ALTERNATIVES = 3
"""Most other readings of a word."""
LEAST_PROBABILITY = 0.01
"""Probability of a label at a symbol's frame below which it makes no other reading: the network says no to it."""
Place = Callable[[float, float], Points]
"""Given the left and the right edge of a part of a strip, in its pixels, returns the four corners on the page."""


@dataclass(frozen=True)
class Runner:
    """The second best label at the frame where a symbol is the most probable."""

    symbol: str
    """The symbol that it stands for; empty for the blank, which leaves the symbol out."""
    probability: float
    """Softmax probability, 0..1; that of the symbol itself at this frame is the symbol's confidence."""


def runners_up(logits: npt.NDArray[np.float32], emissions: Sequence[Emission], charset: Charset) -> tuple[Runner, ...]:
    """Return, per symbol that was read, what else its frame could be.

    Args:
        logits: float32 (t, k) of the line, blank first.
        emissions: What was decoded of them.
        charset: The recogniser's charset.
    """
    found = []
    for emission in emissions:
        rows = logits[emission.first_frame : emission.last_frame + 1].astype(np.float64)
        rows = np.exp(rows - rows.max(axis=1, keepdims=True))
        rows /= rows.sum(axis=1, keepdims=True)
        own = charset.symbols.index(emission.symbol) + 1
        row = rows[int(rows[:, own].argmax())].copy()
        row[own] = -1.0
        other = int(row.argmax())
        found.append(Runner("" if other == BLANK else charset.symbols[other - 1], float(row[other])))
    return tuple(found)


def words_of(
    symbols: Sequence[Symbol], runners: Sequence[Runner], *, width: int, height: int, place: Place
) -> tuple[Word, ...]:
    """Return the words of a line.

    An alternative is the word with one symbol replaced by the second best label of its frame, or without it where that
    is the blank; its confidence is that of the word with the label's probability in place of the symbol's. The most
    probable labels come first.

    Args:
        symbols: What was read on the strip, in order.
        runners: The second best label of each symbol; none at all for words without alternatives.
        width: Width of the strip, in pixels.
        height: Height of the strip, in pixels.
        place: Where a part of the strip lies on the page.
    """
    edges = _cells([(s.x0_px + s.x1_px) / 2 for s in symbols], width=width, height=height)
    words = []
    for group in _groups(symbols):
        confidences = [symbols[i].confidence for i in group]
        left, right = edges[group[0]][0], edges[group[-1]][1]
        words.append(
            Word(
                text="".join(symbols[i].symbol for i in group),
                polygon=place(left, right),
                confidence=round(sum(confidences) / len(confidences), 6),
                alternatives=_alternatives([symbols[i] for i in group], [runners[i] for i in group]) if runners else (),
            )
        )
    return tuple(words)


def _groups(symbols: Sequence[Symbol]) -> list[list[int]]:
    groups: list[list[int]] = [[]]
    for index, symbol in enumerate(symbols):
        if not symbol.symbol.isspace():
            groups[-1].append(index)
        elif groups[-1]:
            groups.append([])
    return [group for group in groups if group]


def _cells(centres: Sequence[float], *, width: int, height: int) -> list[tuple[float, float]]:
    """Return the left and right edge of each symbol's cell."""
    middles = [(a + b) / 2 for a, b in pairwise(centres)]
    if not centres:
        return []
    reach = height / 2
    first = 2 * centres[0] - middles[0] if middles else centres[0] - reach
    last = 2 * centres[-1] - middles[-1] if middles else centres[-1] + reach
    edges = [min(max(edge, 0.0), float(width)) for edge in (first, *middles, last)]
    return list(pairwise(edges))


def _alternatives(symbols: Sequence[Symbol], runners: Sequence[Runner]) -> tuple[Alternative, ...]:
    text = [symbol.symbol for symbol in symbols]
    total = sum(symbol.confidence for symbol in symbols)
    found: dict[str, Alternative] = {}
    for index in sorted(range(len(symbols)), key=lambda i: (-runners[i].probability, i)):
        runner = runners[index]
        if runner.probability < LEAST_PROBABILITY or runner.symbol.isspace():
            continue
        other = "".join([*text[:index], runner.symbol, *text[index + 1 :]])
        confidence = (total - symbols[index].confidence + runner.probability) / len(symbols)
        if other and other != "".join(text) and other not in found:
            found[other] = Alternative(text=other, confidence=round(confidence, 6))
    return tuple(found.values())[:MOST_ALTERNATIVES]
