"""Texts to write: pieces of a corpus, cut at word borders."""

from __future__ import annotations

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


@lru_cache(maxsize=64)
def load_corpus(path: Path) -> Corpus:
    """Read a UTF-8 text file, one paragraph per line.

    Raises:
        LineDataError: If it cannot be read or holds no text.
    """
    try:
        raw = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise LineDataError(f"{path}: cannot be read as UTF-8 text ({error})", remedy="pass a text file") from error
    paragraphs = filter(None, map(normalise_text, raw.splitlines()))
    corpus = Corpus(path.stem, "\n".join(paragraphs))
    if not corpus.text:
        raise LineDataError(f"{path}: holds no text", remedy="pass a text with one paragraph per line")
    return corpus
