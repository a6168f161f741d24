"""Fonts held out as if they were writers: no style of a held-out family is left to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from inkport.core.errors import UsageError
from inkport.train.synth.fonts import load_font


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
