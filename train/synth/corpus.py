"""Texts to write: pieces of a corpus, cut at word borders."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from inkport.core.charset import normalise_text
from inkport.core.errors import LineDataError


# Prose has few numbers, letters and forms have many; a larger share would repeat the few.
DIGIT_SHARE = 0.04
"""Share of the pieces that are taken from around a number."""
PLAIN = {
    0x201C: '"',  # quotation marks: left, right, low, reversed
    0x201D: '"',
    0x201E: '"',
    0x201F: '"',
    0x2018: "'",  # the same, single, and the accents that are typed for them
    0x2019: "'",
    0x201A: "'",
    0x201B: "'",
    0x0060: "'",
    0x00B4: "'",
    0x2010: "-",  # hyphens, dashes, minus
    0x2011: "-",
    0x2013: "-",
    0x2014: "-",
    0x2015: "-",
    0x2212: "-",
    0x2026: "...",
}
"""Typographic quotes, dashes and dots by code point, and the ASCII that real transcriptions have instead."""
ATTEMPTS = 1000
"""Places that are tried before a corpus counts as having no piece of the wanted length."""


@dataclass(frozen=True)
class Corpus:
    """A text from which lines are cut.

    Args:
        name: Name of the text, for errors and data sets.
        text: The text in the normal form of ``normalise_text``, one paragraph per line.
    """

    name: str
    """Name of the text, for errors and data sets."""
    text: str
    """Paragraphs in NFC, single spaces between words, one ``\\n`` between paragraphs."""
    digits: tuple[int, ...] = field(init=False, repr=False)
    """Where its numbers begin."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "digits", tuple(match.start() for match in re.finditer(r"\d+", self.text)))

    def sample(self, rng: np.random.Generator, *, least: int, most: int) -> str:
        """Return a piece of one paragraph, whole words only.

        Args:
            rng: Decides where.
            least: Fewest symbols.
            most: Most symbols, at least ``least``.

        Raises:
            LineDataError: If no such piece is found.
        """
        for _ in range(ATTEMPTS):
            piece = self._piece(self._place(rng), int(rng.integers(least, most + 1)))
            if len(piece) >= least:
                return piece
        raise LineDataError(
            f"{self.name}: no piece of {least} to {most} symbols in {ATTEMPTS} places", remedy="pass a longer text"
        )

    def _place(self, rng: np.random.Generator) -> int:
        if self.digits and rng.random() < DIGIT_SHARE:
            return max(0, self.digits[rng.integers(len(self.digits))] - int(rng.integers(0, 20)))
        return int(rng.integers(len(self.text)))

    def _piece(self, place: int, length: int) -> str:
        start = max(self.text.rfind(" ", 0, place), self.text.rfind("\n", 0, place)) + 1
        rest = self.text[start : start + length + 1].partition("\n")[0]
        return rest if len(rest) <= length else rest[: max(0, rest.rfind(" "))]

    def divide(self, share: float) -> tuple[Corpus, Corpus]:
        """Return the corpus without, and with only, about ``share`` of its paragraphs (0..1).

        The digest of a paragraph decides, so that equal paragraphs stay together and one more moves no other.

        Raises:
            LineDataError: If one of the two is empty.
        """
        parts: tuple[list[str], list[str]] = ([], [])
        for paragraph in self.text.split("\n"):
            place = int.from_bytes(hashlib.sha256(paragraph.encode()).digest()[:8], "big") / 2**64
            parts[place < share].append(paragraph)
        if not all(parts):
            raise LineDataError(
                f"{self.name}: too few paragraphs to hold a share of {share:g} out", remedy="pass a longer text"
            )
        kept, held = (Corpus(self.name, "\n".join(part)) for part in parts)
        return kept, held


@lru_cache(maxsize=64)
def load_corpus(path: Path, *, plain: bool = False) -> Corpus:
    """Read a UTF-8 text file, one paragraph per line.

    Args:
        path: The file.
        plain: Replace typographic quotes, dashes and dots as ``PLAIN`` says.

    Raises:
        LineDataError: If it cannot be read or holds no text.
    """
    try:
        raw = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise LineDataError(f"{path}: cannot be read as UTF-8 text ({error})", remedy="pass a text file") from error
    paragraphs = filter(None, map(normalise_text, (raw.translate(PLAIN) if plain else raw).splitlines()))
    corpus = Corpus(path.stem, "\n".join(paragraphs))
    if not corpus.text:
        raise LineDataError(f"{path}: holds no text", remedy="pass a text with one paragraph per line")
    return corpus


@lru_cache(maxsize=64)
def load_divided(path: Path, share: float, *, plain: bool = False) -> tuple[Corpus, Corpus]:
    """Read a UTF-8 text file and ``divide`` it.

    Raises:
        LineDataError: As ``load_corpus`` and ``Corpus.divide``.
    """
    return load_corpus(path, plain=plain).divide(share)
