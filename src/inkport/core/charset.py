"""Symbols of a recogniser and their labels.

Label 0 is the CTC blank; symbol ``symbols[i]`` has label ``i + 1``. Texts are compared and encoded in
Unicode normal form C, so "é" is one symbol however it was typed.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from inkport.core.errors import CharsetError, UnknownSymbolError


BLANK = 0
"""Label of the CTC blank."""
UNPRINTABLE = frozenset({"Cc", "Cs"})
"""Categories of Unicode that no symbol is of: controls and halves of surrogate pairs."""


def normalise_text(text: str) -> str:
    """Return ``text`` in NFC with each run of white space as one space and none at the ends.

    Source:
        Unicode Standard Annex 15 (NFC); white space as in the HTR-ConvText evaluation.
    """
    return " ".join(unicodedata.normalize("NFC", text).split())


@dataclass(frozen=True)
class Charset:
    """An ordered set of symbols, each one code point; the blank is not one of them.

    Raises:
        CharsetError: If a symbol is repeated, longer than one code point in NFC, or a control character.
    """

    symbols: tuple[str, ...]
    """Symbols in label order; ``symbols[i]`` has label ``i + 1``."""
    free: bool = False
    """Whether symbols are what somebody else's recogniser has: strings of any length, none at all among them, in any
    form of Unicode, a string for several labels. With no symbols at all, nobody says what it can read."""

    def __post_init__(self) -> None:
        if not self.symbols and not self.free:
            raise CharsetError("a charset needs at least one symbol, found none")
        if self.free:
            if wrong := [symbol for symbol in self.symbols if UNPRINTABLE & set(map(unicodedata.category, symbol))]:
                raise CharsetError(f"symbol {wrong[0]!r} has a control character")
            return
        seen: set[str] = set()
        for symbol in self.symbols:
            composed = unicodedata.normalize("NFC", symbol)
            if len(symbol) != 1 or composed != symbol:
                raise CharsetError(
                    f"symbol {symbol!r} is not one code point in NFC",
                    remedy="store texts in NFC; a sequence with no composed form is not supported",
                )
            if unicodedata.category(symbol) in UNPRINTABLE:
                raise CharsetError(f"symbol {symbol!r} is a control character")
            if symbol in seen:
                raise CharsetError(f"symbol {symbol!r} appears twice in the charset")
            seen.add(symbol)

    @classmethod
    def from_texts(cls, texts: Iterable[str]) -> Charset:
        """Build the charset of all symbols in ``texts`` (after ``normalise_text``), by code point."""
        return cls(tuple(sorted({symbol for text in texts for symbol in normalise_text(text)})))

    @property
    def size(self) -> int:
        """Number of classes of a recogniser with this charset: its symbols and the blank."""
        return len(self.symbols) + 1

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the symbols in order, so that two charsets can be told apart by name alone."""
        return hashlib.sha256("\0".join(self.symbols).encode("utf-8")).hexdigest()

    @cached_property
    def _labels(self) -> dict[str, int]:
        """Return the first label of each symbol, in NFC; an empty one stands for no text."""
        labels: dict[str, int] = {}
        for label, symbol in enumerate(self.symbols, start=1):
            if symbol:
                labels.setdefault(unicodedata.normalize("NFC", symbol), label)
        return labels

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self._labels), default=1)

    def _pieces(self, text: str) -> Iterator[tuple[str, int | None]]:
        """Yield the symbols of a text, the longest that fits at each place, with labels; unknown ones have none."""
        text, place = normalise_text(text), 0
        while place < len(text):
            size = next((n for n in range(self._longest, 0, -1) if text[place : place + n] in self._labels), 1)
            piece = text[place : place + size]
            yield piece, self._labels.get(piece)
            place += size

    def unknown(self, text: str) -> tuple[str, ...]:
        """Return the symbols of ``text`` that the charset lacks, sorted, each once; none if nobody says what it has."""
        if not self.symbols:
            return ()
        return tuple(sorted({piece for piece, label in self._pieces(text) if label is None}))

    def encode(self, text: str) -> list[int]:
        """Return the labels of ``text`` after ``normalise_text``, each in ``1 .. size - 1``.

        Raises:
            UnknownSymbolError: If a symbol of the text is not in the charset.
        """
        labels = [label for _, label in self._pieces(text) if label is not None]
        if unknown := self.unknown(text):
            raise UnknownSymbolError(
                f"symbols {list(unknown)} of the text {text!r} are not in the charset ({self.size - 1} symbols)",
                remedy="extend the charset, or skip such lines explicitly",
            )
        return labels

    def decode(self, labels: Sequence[int]) -> str:
        """Return the text of ``labels``; blanks are dropped, repeats are kept.

        Raises:
            CharsetError: If a label is outside ``0 .. size - 1``.
        """
        for label in labels:
            if not 0 <= label < self.size:
                raise CharsetError(f"label {label} is outside 0..{self.size - 1}")
        return "".join(self.symbols[label - 1] for label in labels if label != BLANK)
