"""Which fonts can write which languages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inkport.train.synth.corpus import load_corpus
from inkport.train.synth.fonts import load_font


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
