"""A set of synthetic lines on disk: PNG files and the manifest ``lines.tsv``."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from inkport.core.errors import LineDataError, UsageError
from inkport.core.files import new_directory
from inkport.train.synth.corpus import load_corpus
from inkport.train.synth.fonts import load_font
from inkport.train.synth.line import render_line


MANIFEST = "lines.tsv"
"""Name of the manifest in the folder."""
COLUMNS = ("id", "image", "text", "dataset", "writer")
"""Columns of the manifest."""
CHUNK = 32
"""Lines that a process renders at a time: half a second of work, so that progress shows and a kill waits little."""


@dataclass(frozen=True, kw_only=True)
class LineSet:
    """What to render.

    Raises:
        UsageError: If a number is out of range, or texts and counts do not pair up.
    """

    fonts: tuple[Path, ...]
    """Font files; each line is written with one of them, all equally likely."""
    texts: tuple[Path, ...]
    """Corpora, UTF-8, one paragraph per line; ``fr.txt`` gives the data set ``rendered-fr``."""
    counts: tuple[int, ...]
    """Lines per corpus."""
    seed: int = 0
    """Decides everything; a line depends on it, the fonts, its corpus and its number in it alone."""
    symbols: frozenset[str] | None = None
    """Symbols that may occur; any if None."""
    least: int = 20
    """Fewest symbols per line."""
    most: int = 60
    """Most symbols per line."""
    levels: int = 256
    """Gray levels in the files; fewer make smaller files."""

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
        if not 1 <= self.least <= self.most or not 2 <= self.levels <= 256 or self.seed < 0:
            raise UsageError(
                f"expected 1 <= least <= most, 2 to 256 gray levels and a seed >= 0, found {self.least}, {self.most}, "
                f"{self.levels} and {self.seed}"
            )


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """What became of a request."""

    lines: int = 0
    """Lines written."""
    without_glyphs: int = 0
    """Candidates refused because the font lacked a glyph."""
    outside_symbols: int = 0
    """Candidates refused because of a symbol outside ``LineSet.symbols``."""

    def __add__(self, other: Rendered) -> Rendered:
        return Rendered(
            lines=self.lines + other.lines,
            without_glyphs=self.without_glyphs + other.without_glyphs,
            outside_symbols=self.outside_symbols + other.outside_symbols,
        )


def render_set(
    request: LineSet, out: Path, *, jobs: int = 1, report: Callable[[int], None] = lambda _: None
) -> Rendered:
    """Render a line set into a folder, which appears only when it is complete.

    Args:
        request: What to render; equal requests give equal bytes, whatever ``jobs`` is.
        out: The new folder.
        jobs: Processes.
        report: Called with the number of lines done so far, now and then.

    Raises:
        UsageError: If ``out`` is there already, or ``jobs`` is below 1.
        DataError: If a font or a text cannot be used, or together they give no line.
    """
    if jobs < 1:
        raise UsageError(f"jobs must be at least 1, found {jobs}")
    if out.exists():
        raise UsageError(f"{out}: is there already", remedy="name a new folder, or remove this one first")
    for path in request.fonts:
        load_font(path)
    for path in request.texts:
        load_corpus(path)
    rows: list[str] = ["\t".join(COLUMNS)]
    total = Rendered()
    with new_directory(out) as folder:
        for chunk_rows, rendered in _each_chunk(request, folder, jobs):
            rows += chunk_rows
            total += rendered
            report(total.lines)
        (folder / MANIFEST).write_text("\n".join(rows) + "\n", encoding="utf-8")
    return total


def _each_chunk(request: LineSet, folder: Path, jobs: int) -> Iterator[tuple[list[str], Rendered]]:
    tasks = [
        (text, range(start, min(start + CHUNK, count)))
        for text, count in enumerate(request.counts)
        for start in range(0, count, CHUNK)
    ]
    if jobs == 1:
        yield from map(partial(_render_chunk, request, folder), tasks)
        return
    # Spawned, not forked: the same on every system, and no lock of the parent's threads is inherited.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        try:
            yield from pool.map(partial(_render_chunk, request, folder), tasks)
        finally:
            pool.shutdown(cancel_futures=True)


def _render_chunk(request: LineSet, folder: Path, task: tuple[int, range]) -> tuple[list[str], Rendered]:
    text, numbers = task
    done = [_render_one(request, folder, text, number) for number in numbers]
    return [row for row, _ in done], sum((rendered for _, rendered in done), Rendered())


def _render_one(request: LineSet, folder: Path, index: int, number: int) -> tuple[str, Rendered]:
    corpus = load_corpus(request.texts[index])
    rng = np.random.default_rng([request.seed, index, number])
    without_glyphs = outside_symbols = 0
    for _ in range(1000):
        text = corpus.sample(rng, least=request.least, most=request.most)
        font = load_font(request.fonts[rng.integers(len(request.fonts))])
        if request.symbols is not None and not request.symbols.issuperset(text):
            outside_symbols += 1
        elif font.missing(text):
            without_glyphs += 1
        else:
            break
    else:
        raise LineDataError(
            f"{request.texts[index]}: none of 1000 candidate lines can be rendered: {without_glyphs} with glyphs that "
            f"their font lacks, {outside_symbols} with symbols that are not allowed",
            remedy="add fonts of this script, or allow more symbols",
        )
    dataset = f"rendered-{corpus.name}"
    name = f"{dataset}-{number:06d}"
    _save(folder / f"{name}.png", render_line(text, font, rng), request.levels)
    row = "\t".join((name, f"{name}.png", text, dataset, font.name))
    return row, Rendered(lines=1, without_glyphs=without_glyphs, outside_symbols=outside_symbols)


def _save(path: Path, gray: npt.NDArray[np.uint8], levels: int) -> None:
    steps = np.rint(np.rint(gray / np.float32(255) * (levels - 1)) * (255 / (levels - 1))).astype(np.uint8)
    Image.fromarray(steps).save(path, optimize=True)
