"""``inkport render``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from inkport.core.charset import normalise_text
from inkport.core.errors import UsageError


def render(
    *,
    fonts: Path,
    text: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)],
    out: Path,
    count: Annotated[tuple[int, ...], Parameter(consume_multiple=True)],
    seed: int = 0,
    symbols: Path | None = None,
    least: int = 20,
    most: int = 60,
    levels: int = 256,
    jobs: int = 1,
) -> None:
    """Render lines of text in handwriting fonts: PNG files of 64 px height and a manifest, ``lines.tsv``.

    The same arguments give the same bytes, whatever --jobs is. A candidate line with a symbol that its font
    cannot draw is refused and another one is chosen; how often that happened is reported.

    Args:
        fonts: Folder of .ttf or .otf files; the font's file name becomes the writer.
        text: UTF-8 text files, one paragraph per line; fr.txt gives the data set rendered-fr.
        out: New folder for the lines; it appears when all of them are there.
        count: Lines per text file, or one number for all.
        seed: Decides texts, fonts and looks.
        symbols: UTF-8 text file; lines with a symbol that is not in it are refused.
        least: Fewest symbols per line.
        most: Most symbols per line.
        levels: Gray levels in the files; fewer make smaller files.
        jobs: Processes.
    """
    from inkport.train.synth.fonts import find_fonts
    from inkport.train.synth.line_set import LineSet, render_set

    request = LineSet(
        fonts=find_fonts(fonts),
        texts=text,
        counts=count * len(text) if len(count) == 1 else count,
        seed=seed,
        symbols=None if symbols is None else _read_symbols(symbols),
        least=least,
        most=most,
        levels=levels,
    )
    rendered = render_set(request, out, jobs=jobs, report=_progress(sum(request.counts)))
    sys.stderr.write(
        f"{rendered.lines} lines in {len(request.fonts)} fonts; candidates refused: {rendered.without_glyphs} with "
        f"glyphs that their font lacks, {rendered.outside_symbols} with symbols that are not allowed\n"
    )
    sys.stdout.write(f"{out / 'lines.tsv'}\n")


def _read_symbols(path: Path) -> frozenset[str]:
    try:
        content = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read as UTF-8 text ({error})", remedy="pass a file of symbols") from error
    return frozenset(normalise_text(content)) | {" "}


def _progress(total: int) -> Callable[[int], None]:
    def show(done: int) -> None:
        sys.stderr.write(f"\r{done} of {total} lines" + ("\n" if done == total else ""))
        sys.stderr.flush()

    return show if sys.stderr.isatty() else lambda _: None
