"""A set of synthetic lines on disk: PNG files, the manifest ``lines.tsv``, and what made them, ``set.json``."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, features

from inkport.core.children import tie_worker
from inkport.core.config import require_seed, to_plain
from inkport.core.errors import LineDataError, RuntimeUnavailableError, UsageError
from inkport.core.files import new_directory, sha256_file
from inkport.train.synth.corpus import Corpus, load_corpus, load_divided
from inkport.train.synth.fonts import HandFont, load_font
from inkport.train.synth.line import render_line
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


MANIFEST = "lines.tsv"
"""Name of the manifest in the folder."""
COLUMNS = ("id", "image", "text", "dataset", "writer", "lang", "seed")
"""Columns of the manifest."""
CHUNK = 32
"""Lines that a process renders at a time: half a second of work, so that progress shows and a kill waits little."""


Report = Callable[[int], None]
"""Called with the number of lines done so far, now and then."""


def render_set(request: LineSet, out: Path, *, jobs: int = 1, report: Report = lambda _: None) -> Rendered:
    """Render a line set into a folder, which appears only when it is complete.

    Args:
        request: What to render; equal requests give equal bytes, whatever ``jobs`` is.
        out: The new folder.
        jobs: Processes.
        report: Called with the number of lines done so far, now and then.

    Raises:
        UsageError: If ``out`` is there already, ``jobs`` is below 1, or words are to be shaped and nothing can.
        DataError: If a font or a text cannot be used, or together they give no line.
    """
    _check([request], out, jobs)
    with new_directory(out) as folder:
        return _render_into(request, folder, jobs, report)


def render_parts(
    train: LineSet, test: LineSet, out: Path, *, jobs: int = 1, report: Report = lambda _: None
) -> Rendered:
    """Render a set to learn from and one to be tested on, into the folders ``train`` and ``test`` of ``out``.

    Args:
        train: The first set; its part is taken to be ``Part.TRAIN``.
        test: The second, with the same texts; its part is taken to be ``Part.TEST``.
        out: The new folder, which appears only when both are complete.
        jobs: Processes.
        report: Called with the number of lines done so far, now and then.

    Returns:
        What became of both together.

    Raises:
        UsageError: If they share a font, hold different texts out, or as for ``render_set``.
        DataError: If a font or a text cannot be used, or together they give no line.
    """
    if shared := set(train.fonts) & set(test.fonts):
        raise UsageError(f"{min(shared)}: this font would write lines of train and of test")
    if (train.texts, train.held_share, train.plain_text) != (test.texts, test.held_share, test.plain_text):
        raise UsageError("train and test must divide the same texts in the same way")
    parts = [replace(train, part=Part.TRAIN), replace(test, part=Part.TEST)]
    _check(parts, out, jobs)
    total = Rendered()
    with new_directory(out) as folder:
        for part in parts:
            (folder / part.part).mkdir()
            total += _render_into(part, folder / part.part, jobs, _later(report, total.lines))
    return total


def _later(report: Report, before: int) -> Report:
    return lambda done: report(before + done)


def _check(requests: list[LineSet], out: Path, jobs: int) -> None:
    if jobs < 1:
        raise UsageError(f"jobs must be at least 1, found {jobs}")
    if out.exists():
        raise UsageError(f"{out}: is there already", remedy="name a new folder, or remove this one first")
    for request in requests:
        if request.look.shaping and not features.check("raqm"):
            raise RuntimeUnavailableError(
                "shaping needs a Pillow with libraqm", remedy="install libraqm, or leave shaping at 0"
            )
        for path in request.fonts:
            load_font(path)
        for index in range(len(request.texts)):
            request.corpora(index)


def _render_into(request: LineSet, folder: Path, jobs: int, report: Report) -> Rendered:
    rows: list[str] = ["\t".join(COLUMNS)]
    total = Rendered()
    for chunk_rows, rendered in _each_chunk(request, folder, jobs):
        rows += chunk_rows
        total += rendered
        report(total.lines)
    (folder / MANIFEST).write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / SET).write_text(describe_set(request, total), encoding="utf-8")
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
    with ProcessPoolExecutor(jobs, context, initializer=tie_worker, initargs=(os.getpid(),)) as pool:
        try:
            yield from pool.map(partial(_render_chunk, request, folder), tasks)
        finally:
            pool.shutdown(cancel_futures=True)


def _render_chunk(request: LineSet, folder: Path, task: tuple[int, range]) -> tuple[list[str], Rendered]:
    text, numbers = task
    done = [_render_one(request, folder, text, number) for number in numbers]
    return [row for row, _ in done], sum((rendered for _, rendered in done), Rendered())


def _render_one(request: LineSet, folder: Path, index: int, number: int) -> tuple[str, Rendered]:
    # Lines of the test part are other lines even where both parts have the same number.
    rng = np.random.default_rng([request.seed, index, number] + [1] * (request.part is Part.TEST))
    text, font, refused = _choose(request, index, rng)
    language = request.texts[index].stem
    dataset = f"{request.name}-{language}"
    part = "" if request.part is Part.ALL else f"{request.part}-"
    name = f"{dataset}-{part}{request.seed}-{number:06d}"
    _save(folder / f"{name}.png", render_line(text, font, rng, request.look), request.levels)
    row = "\t".join((name, f"{name}.png", text, dataset, font.name, language, str(request.seed)))
    return row, Rendered(lines=1) + refused


def _choose(request: LineSet, index: int, rng: np.random.Generator) -> tuple[str, HandFont, Rendered]:
    """Return a text, a font that can draw it, and how many candidates were refused before."""
    corpus, known = request.corpora(index)
    refused = Rendered()
    for _ in range(1000):
        text = corpus.sample(rng, least=request.least, most=request.most)
        font = load_font(request.fonts[rng.integers(len(request.fonts))])
        if request.symbols is not None and not request.symbols.issuperset(text):
            refused += Rendered(outside_symbols=1)
        elif font.missing(text):
            refused += Rendered(without_glyphs=1)
        elif known is not None and text in known.text:
            refused += Rendered(known_texts=1)
        else:
            return text, font, refused
    raise LineDataError(
        f"{request.texts[index]}: none of 1000 candidate lines can be rendered: {refused.without_glyphs} with glyphs "
        f"that their font lacks, {refused.outside_symbols} with symbols that are not allowed, {refused.known_texts} "
        f"that are in the training part",
        remedy="add fonts of this script, or allow more symbols",
    )


def _save(path: Path, gray: npt.NDArray[np.uint8], levels: int) -> None:
    steps = np.rint(np.rint(gray / np.float32(255) * (levels - 1)) * (255 / (levels - 1))).astype(np.uint8)
    Image.fromarray(steps).save(path, optimize=True)


SET = "set.json"
"""Name of the record in the folder."""
PACKAGES = ("inkport", "numpy", "pillow", "fonttools")
"""Packages that decide the bytes."""
LIBRARIES = ("freetype2", "raqm", "harfbuzz", "jpg")
"""Libraries inside Pillow that do."""


def describe_set(request: LineSet, rendered: Rendered) -> str:
    """Return the record as JSON: settings, digests of fonts and texts, versions, and counts; no paths."""
    record = {
        "schema": 1,
        "seed": request.seed,
        "part": request.part,
        "held_share": request.held_share,
        "lines": {path.stem: count for path, count in zip(request.texts, request.counts, strict=True)},
        "refused": {name: count for name, count in to_plain(rendered).items() if name != "lines"},
        "least": request.least,
        "most": request.most,
        "levels": request.levels,
        "plain_text": request.plain_text,
        "symbols": None if request.symbols is None else "".join(sorted(request.symbols)),
        "look": to_plain(request.look),
        "fonts": {path.stem: sha256_file(path) for path in request.fonts},
        "texts": {path.stem: sha256_file(path) for path in request.texts},
        "tools": {name: version(name) for name in PACKAGES} | {name: features.version(name) for name in LIBRARIES},
    }
    return json.dumps(record, ensure_ascii=False, indent=2) + "\n"
