"""How well pages were read, as their texts: in order, in any order, and word by word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

import numpy as np

from inkport.benchmarks.measure.assignment import cheapest_pairs
from inkport.core.charset import normalise_text
from inkport.core.metrics import edit_distance


@dataclass(frozen=True, kw_only=True)
class PageScore:
    """Counts of one page or several, from which rates are made; a rate over nothing is NaN."""

    edits: int
    """Edits from the true text of the page to that which was read, lines joined by a space each."""
    symbols: int
    """Symbols of the true text of the page."""
    line_edits: int
    """Edits of lines, each true line paired with one that was read so that they are fewest; all of a line's own symbols
    where it has no other."""
    line_symbols: int
    """Symbols of the true lines."""
    true_words: int
    """Words of the true text."""
    read_words: int
    """Words that were read."""
    common_words: int
    """Words of both, each as often as both have it."""

    @property
    def cer(self) -> float:
        """Page CER: the order of lines counts."""
        return _rate(self.edits, self.symbols)

    @property
    def order_free_cer(self) -> float:
        """CER of lines in whatever order they were read."""
        return _rate(self.line_edits, self.line_symbols)

    @property
    def word_f1(self) -> float:
        """Harmonic mean of the shares of common words among the true and the read ones."""
        return _rate(2 * self.common_words, self.true_words + self.read_words)


def score_page(true: Sequence[str], read: Sequence[str]) -> PageScore:
    """Score the texts of a page's lines, both in reading order; white space and Unicode forms do not count."""
    before, after = ([text for line in lines if (text := normalise_text(line))] for lines in (true, read))
    page, reading = " ".join(before), " ".join(after)
    words, read_words = Counter(page.split()), Counter(reading.split())
    return PageScore(
        edits=edit_distance(page, reading),
        symbols=len(page),
        line_edits=_order_free(before, after),
        line_symbols=sum(map(len, before)),
        true_words=words.total(),
        read_words=read_words.total(),
        common_words=(words & read_words).total(),
    )


def sum_scores(scores: Iterable[PageScore]) -> PageScore:
    """Return the counts of several pages together: their rates are micro-averages."""
    totals = np.array([(0,) * 7, *map(astuple, scores)]).sum(axis=0).tolist()
    names = PageScore.__dataclass_fields__
    return PageScore(**dict(zip(names, totals, strict=True)))


def _order_free(true: Sequence[str], read: Sequence[str]) -> int:
    total = sum(map(len, true)) + sum(map(len, read))
    if not (true and read):
        return total
    # What a pair saves against two lines without one: never less than nothing, so that as many are paired as can be.
    saved = np.array([[edit_distance(a, b) - len(a) - len(b) for b in read] for a in true], np.float64)
    return total + int(sum(saved[pair] for pair in cheapest_pairs(saved)))


def _rate(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
