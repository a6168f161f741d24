"""Handwriting fonts: which symbols they can really draw, and which languages they can write."""

from __future__ import annotations

import io
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont, features

from inkport.core.errors import DataError, UsageError, needing
from inkport.train.synth.corpus import load_corpus


EM_PX = 80
"""Size at which glyphs are drawn, in pixels per em: about twice what is left at 64 px, so that warps stay sharp."""
FONT_SUFFIXES = (".otf", ".ttf")
"""Font files that a folder is searched for."""
UNMAPPED = "\U0010fffe"
"""A code point that Unicode keeps free for ever, so that a font draws what it draws for missing symbols."""
SAMPLE = "handpointed"
"""Letters whose strokes are measured; a font without them shows a box, which is no worse a guess."""


@dataclass(frozen=True, eq=False)
class HandFont:
    """A font, opened at ``EM_PX``."""

    name: str
    """File name without suffix; the writer of its lines."""
    face: ImageFont.FreeTypeFont
    """The font, in Pillow's basic layout, so that the result does not depend on libraqm."""
    symbols: frozenset[str]
    """Symbols that its character map names."""
    family: str = ""
    """Family name; Regular and Bold of one family are one hand."""
    shaped: ImageFont.FreeTypeFont | None = None
    """The font for whole words shaped by HarfBuzz; none without layout tables in the font or libraqm in Pillow."""
    _drawn: dict[str, bool] = field(default_factory=dict, repr=False)

    @cached_property
    def stroke_px(self) -> float:
        """Mean stroke width in pixels: twice the area over the outline's length, which a 1 px rim measures."""
        sample = Image.new("L", (12 * EM_PX, 4 * EM_PX))
        with self._drawing(SAMPLE):
            ImageDraw.Draw(sample).text((EM_PX, 2 * EM_PX), SAMPLE, 255, self.face, anchor="ls")
        area = np.asarray(sample, dtype=np.float64).sum()
        rim = np.asarray(sample.filter(ImageFilter.MaxFilter(3)), dtype=np.float64).sum() - area
        return float(2 * area / max(rim, 1.0))

    @cached_property
    def extent_px(self) -> tuple[int, int]:
        """Rows, relative to the baseline, that ordinary ascenders and descenders reach."""
        with self._drawing("dp"):
            _, top, _, bottom = self.face.getbbox("dp", anchor="ls")
        return int(top), int(bottom)

    @contextmanager
    def _drawing(self, text: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise DataError(
                f"{self.name}: the font cannot draw {text!r} ({error})", remedy="leave the font out, it is damaged"
            ) from error

    def missing(self, text: str) -> tuple[str, ...]:
        """Return the symbols of ``text`` that the font cannot draw, sorted, each once.

        A symbol is missing if the character map lacks it; if it is not a space and its glyph has no ink or a damaged
        outline; if its glyph is the box for missing symbols, or that of the same letter with fewer accents, whatever
        the character map says; or if it is a combining mark (one that NFC leaves over), because letters are drawn one
        at a time.
        """
        return tuple(sorted(symbol for symbol in set(text) if not self._draws(symbol)))

    def _draws(self, symbol: str) -> bool:
        if symbol not in self._drawn:
            self._drawn[symbol] = symbol in self.symbols and (symbol.isspace() or self._distinct(symbol))
        return self._drawn[symbol]

    def _distinct(self, symbol: str) -> bool:
        try:
            mask = self.face.getmask(symbol)
        except OSError:  # an outline that FreeType refuses
            return False
        if mask.getbbox() is None or unicodedata.combining(symbol):
            return False
        others = [UNMAPPED, *(other for other in reductions(symbol) if other in self.symbols)]
        return all((mask.size, bytes(mask)) != (o.size, bytes(o)) for o in map(self.face.getmask, others))


def reductions(symbol: str) -> Iterator[str]:
    """Yield the letters that ``symbol`` is with fewer of its accents: ê, é and e for ế; none for a plain letter."""
    base, *marks = list(unicodedata.normalize("NFD", symbol))
    for count in range(len(marks)):
        for kept in combinations(marks, count):
            reduced = unicodedata.normalize("NFC", base + "".join(kept))
            if len(reduced) == 1:
                yield reduced


def find_fonts(folder: Path) -> tuple[Path, ...]:
    """Return the font files of a folder, by name.

    Raises:
        UsageError: If there is no such folder, no font in it, or two fonts of one name.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder", remedy="pass a folder of .ttf or .otf files")
    found = tuple(sorted(path for path in folder.iterdir() if path.suffix.lower() in FONT_SUFFIXES))
    if not found:
        raise UsageError(f"{folder}: no font here (looked for {', '.join(FONT_SUFFIXES)})")
    names = [path.stem for path in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UsageError(f"{folder}: more than one font is called {', '.join(sorted(twice))}", remedy="rename one")
    return found


@lru_cache(maxsize=256)
def load_font(path: Path) -> HandFont:
    """Open a font file.

    Raises:
        RuntimeUnavailableError: If fontTools is not installed.
        DataError: If the file is not a font.
    """
    with needing("rendering", extra="render"):
        from fontTools.ttLib import TTFont, TTLibError
    try:
        # Bytes, not the path: fontTools leaves a file open when it is not a font.
        with TTFont(io.BytesIO(path.read_bytes()), lazy=True) as font:
            mapped = font.getBestCmap() or {}
            symbols = frozenset(chr(code) for code, glyph in mapped.items() if glyph != ".notdef")
            names = font.get("name")
            family = names and (names.getDebugName(16) or names.getDebugName(1))
            layout = "GSUB" in font or "GPOS" in font
        face = ImageFont.truetype(path, EM_PX, layout_engine=ImageFont.Layout.BASIC)
        shape = layout and features.check("raqm")
        shaped = ImageFont.truetype(path, EM_PX, layout_engine=ImageFont.Layout.RAQM) if shape else None
    except (OSError, TTLibError, ValueError) as error:
        raise DataError(f"{path}: not a usable font ({error})", remedy="take it out of the folder") from error
    return HandFont(name=path.stem, face=face, symbols=symbols, family=family or path.stem, shaped=shaped)


def select_fonts(fonts: Sequence[Path], patterns: Sequence[str]) -> tuple[Path, ...]:
    """Return the fonts whose file name without suffix matches one of ``patterns``, in the order of ``fonts``.

    Args:
        fonts: Font files.
        patterns: Names, with ``*`` and ``?`` as in a shell.

    Raises:
        UsageError: If a pattern matches none of them.
    """
    for pattern in patterns:
        if not any(fnmatchcase(path.stem, pattern) for path in fonts):
            raise UsageError(
                f"no font is called {pattern}; there are {', '.join(path.stem for path in fonts)}",
                remedy="name fonts by their files, without .ttf or .otf",
            )
    return tuple(path for path in fonts if any(fnmatchcase(path.stem, pattern) for pattern in patterns))


def hold_out(fonts: Sequence[Path], patterns: Sequence[str]) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Divide fonts into those to learn from and those that are held out.

    Args:
        fonts: Font files.
        patterns: Which are held out, as in ``select_fonts``.

    Raises:
        UsageError: If a pattern matches no font, none is left to learn from, or one family is on both sides.
        DataError: If a font cannot be read.
    """
    held = select_fonts(fonts, patterns)
    kept = tuple(path for path in fonts if path not in held)
    if not kept:
        raise UsageError("all fonts are held out, none is left to learn from", remedy="hold fewer out")
    families = {load_font(path).family: path for path in held}
    for path in kept:
        if other := families.get(load_font(path).family):
            raise UsageError(
                f"{path.stem} and {other.stem} are one family, {load_font(path).family}, and only one is held out",
                remedy="hold both out, or neither",
            )
    return kept, held


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How much of a text a font can draw."""

    font: str
    """Name of the font."""
    language: str
    """Name of the text."""
    words: float
    """Share of the text's words that it can draw whole, 0..1."""
    missing: tuple[str, ...]
    """Letters and signs of the text that it lacks, the most frequent first."""


def measure_coverage(
    fonts: Sequence[Path], texts: Sequence[Path], *, symbols: frozenset[str] | None = None, plain_text: bool = False
) -> tuple[Coverage, ...]:
    """Measure every font on every text, font by font.

    Args:
        fonts: Font files.
        texts: UTF-8 text files.
        symbols: Symbols that count; words with others are left out. All if None.
        plain_text: Whether typographic quotes, dashes and dots are taken as ASCII.

    Raises:
        DataError: If a font or a text cannot be used.
    """
    counted = {}
    for path in texts:
        words = Counter(load_corpus(path, plain=plain_text).text.split())
        counted[path.stem] = {w: n for w, n in words.items() if symbols is None or symbols.issuperset(w)}
    return tuple(_measure(path, language, words) for path in fonts for language, words in counted.items())


def _measure(path: Path, language: str, words: dict[str, int]) -> Coverage:
    font = load_font(path)
    uses: Counter[str] = Counter()
    for word, count in words.items():
        for symbol in word:
            uses[symbol] += count
    lacking = set(font.missing("".join(uses)))
    drawn = sum(count for word, count in words.items() if lacking.isdisjoint(word))
    missing = tuple(sorted(lacking, key=lambda symbol: (-uses[symbol], symbol)))
    return Coverage(font=font.name, language=language, words=drawn / max(1, sum(words.values())), missing=missing)


def render_coverage(rows: Sequence[Coverage]) -> str:
    """Return a table: fonts down, languages across, percent of words; 100.0 only where nothing is missing."""
    languages = tuple(dict.fromkeys(row.language for row in rows))
    fonts = tuple(dict.fromkeys(row.font for row in rows))
    cells = {(row.font, row.language): row for row in rows}
    width = max(map(len, ("font", *fonts)))
    lines = ["  ".join(["font".ljust(width), *(language.rjust(6) for language in languages)])]
    for font in fonts:
        found = [cells[font, language] for language in languages]
        lines.append("  ".join([font.ljust(width), *(_percent(row).rjust(6) for row in found)]))
    return "\n".join(lines) + "\n"


def _percent(row: Coverage) -> str:
    return "100.0" if not row.missing else f"{min(99.9, 100 * row.words):.1f}"
