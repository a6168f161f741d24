"""What to render, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from inkport.core.errors import UsageError
from inkport.core.ranges import require_seed
from inkport.train.synth.corpus import Corpus, load_corpus, load_divided
from inkport.train.synth.look import Look


class Part(StrEnum):
    """Which part of the texts a set is written from."""

    ALL = "all"
    """All of them."""
    TRAIN = "train"
    """The paragraphs that are not held out."""
    TEST = "test"
    """The paragraphs that are held out; and no line whose text the others hold, as a line or inside one."""


@dataclass(frozen=True, kw_only=True)
class LineSet:
    """What to render.

    Raises:
        UsageError: If a number is out of range, or texts and counts do not pair up.
    """

    fonts: tuple[Path, ...]
    """Font files; each line is written with one of them, all equally likely."""
    texts: tuple[Path, ...]
    """Corpora, UTF-8, one paragraph per line; ``fr.txt`` is language fr and gives the data set ``synth-fr``."""
    counts: tuple[int, ...]
    """Lines per corpus."""
    seed: int = 0
    """Decides everything; a line depends on it, the fonts, its corpus, the part and its number in it alone."""
    symbols: frozenset[str] | None = None
    """Symbols that may occur; any if None."""
    least: int = 20
    """Minimum number of symbols per line."""
    most: int = 60
    """Maximum number of symbols per line."""
    levels: int = 256
    """Gray levels in the files; fewer make smaller files."""
    look: Look = field(default_factory=Look)
    """How the lines look."""
    name: str = "synth"
    """What the names of data sets begin with."""
    plain_text: bool = False
    """Whether typographic quotes, dashes and dots are written as ASCII, as the real transcriptions have them."""
    part: Part = Part.ALL
    """Which part of the texts is written."""
    held_share: float = 0.1
    """Share of the paragraphs that is held out, where ``part`` is not all."""

    def __post_init__(self) -> None:
        if not self.fonts or not self.texts:
            raise UsageError("rendering needs at least one font and one text")
        if len(self.counts) != len(self.texts) or min(self.counts) < 1:
            raise UsageError(
                f"{len(self.texts)} texts and the counts {list(self.counts)}: expected one count per text, each >= 1"
            )
        names = [path.stem for path in self.texts]
        if len(set(names)) < len(names):
            raise UsageError(f"the texts need different names, found {names}", remedy="rename a text file")
        if not 1 <= self.least <= self.most or not 2 <= self.levels <= 256:
            raise UsageError(
                f"expected 1 <= least <= most and 2 to 256 gray levels, found {self.least}, {self.most} and "
                f"{self.levels}"
            )
        require_seed(self.seed)
        if not 0 < self.held_share < 1:
            raise UsageError(f"the share of the texts to hold out must be within 0..1, found {self.held_share:g}")

    def corpora(self, index: int) -> tuple[Corpus, Corpus | None]:
        """Return the corpus that lines of text ``index`` are cut from, and one that must not hold them.

        Raises:
            LineDataError: If the file cannot be used.
        """
        if self.part is Part.ALL:
            return load_corpus(self.texts[index], plain=self.plain_text), None
        kept, held = load_divided(self.texts[index], self.held_share, plain=self.plain_text)
        return (held, kept) if self.part is Part.TEST else (kept, None)


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """What became of a request."""

    lines: int = 0
    """Lines written."""
    without_glyphs: int = 0
    """Candidates refused because the font lacked a glyph."""
    outside_symbols: int = 0
    """Candidates refused because of a symbol outside ``LineSet.symbols``."""
    known_texts: int = 0
    """Candidates of a test set refused because a paragraph for training holds the same text."""

    def __add__(self, other: Rendered) -> Rendered:
        return Rendered(
            lines=self.lines + other.lines,
            without_glyphs=self.without_glyphs + other.without_glyphs,
            outside_symbols=self.outside_symbols + other.outside_symbols,
            known_texts=self.known_texts + other.known_texts,
        )
