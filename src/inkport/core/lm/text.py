"""Text for a language model of handwritten lines: in a charset, and in pieces as long as lines are."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from inkport.core.charset import Charset, normalise_text


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
