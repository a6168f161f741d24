"""How much a recogniser gains from few lines of a hand that it has never seen: one held-out writer, several draws."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from inkport.core.charset import normalise_text
from inkport.core.children import tie_worker
from inkport.core.config import parse_config, to_plain
from inkport.core.documents import read_json
from inkport.core.errors import LineDataError, RecipeError
from inkport.core.files import sha256_file, write_atomically
from inkport.core.metrics import cer
from inkport.core.preprocess import prepare
from inkport.lines.audit import Audit
from inkport.lines.line import Line, digest_lines
from inkport.lines.roles import name_lines, refuse_shared
from inkport.model.weights import Weights, load_weights
from inkport.train.adapt.adapt import AdaptRequest, AdaptSettings, adapt
from inkport.train.network import read_all


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One adaptation, and how its weights read."""

    lines: int
    """Lines of the hand that were adapted to; 0 for the start weights."""
    draw: int
    """Which draw of lines, from 0."""
    share: float
    """Share of the adapted weights in the mixture."""
    edits: tuple[int, ...]
    """Edits per test line."""
    other_edits: tuple[int, ...] = ()
    """Edits per line of other hands."""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A held-out writer.

    Raises:
        RecipeError: If counts or draws are below 1, or a count appears twice.
        LineDataError: If the pool is too small, a line that is adapted to or rehearsed is also read, or a line to be
            read has no text.
    """

    weights: Path
    """Weights that have not seen the writer."""
    pool: Sequence[Line]
    """Lines of the writer to draw from."""
    test: Sequence[Line]
    """Lines of the writer to read."""
    others: Sequence[Line] = ()
    """Lines of other hands to read, which show what is forgotten."""
    rehearse: Sequence[Line] = ()
    """Lines of other hands to rehearse."""
    counts: tuple[int, ...] = (10, 50, 200)
    """Lines to adapt to; 0 comes by itself."""
    draws: int = 3
    """Draws per count."""
    settings: AdaptSettings
    """How to adapt."""

    def __post_init__(self) -> None:
        if self.draws < 1 or not self.counts or min(self.counts) < 1 or len(set(self.counts)) < len(self.counts):
            raise RecipeError(f"counts {self.counts} must differ and be at least 1, and so must draws, {self.draws}")
        if max(self.counts) > len(self.pool):
            raise LineDataError(f"the pool has {len(self.pool)} lines, {max(self.counts)} are to be drawn from it")
        learnt = {"pool": name_lines(self.pool), "rehearse": name_lines(self.rehearse)}
        read = {"test": name_lines(self.test), "others": name_lines(self.others)}
        for role, named in learnt.items():
            for other, also in read.items():
                refuse_shared(
                    {role: named, other: also},
                    because="what is adapted to says nothing of the lines it is measured on",
                    remedy="take it out of one of them",
                )
        if empty := [line.id for line in (*self.test, *self.others) if not normalise_text(line.text)]:
            raise LineDataError(f"{len(empty)} lines to be read have no text, for example {empty[0]!r}")

    def draw(self, count: int, draw: int) -> list[Line]:
        """Return the lines of a draw: the first of a random order of the pool, so that the draws of one order nest."""
        order = np.random.default_rng([self.settings.seed, draw]).permutation(len(self.pool))
        return [self.pool[i] for i in order[:count]]

    def cells(self) -> Iterator[tuple[int, int]]:
        """Yield lines and draw of each adaptation, the start weights first."""
        yield 0, 0
        yield from ((count, draw) for draw in range(self.draws) for count in self.counts)

    def key(self) -> str:
        """Return what a stored cell must belong to: SHA-256 (hex) of weights, lines and settings, not of the counts."""
        parts = [sha256_file(self.weights), to_plain(self.settings)]
        parts += [digest_lines(lines) for lines in (self.pool, self.test, self.others, self.rehearse)]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def run_experiment(
    experiment: Experiment,
    out: Path,
    *,
    jobs: int = 1,
    threads: int | None = None,
    say: Callable[[str], None],
    report: Callable[[int, int], None] = lambda *_: None,
) -> list[Cell]:
    """Adapt and read, cell by cell; cells that ``out`` holds from an earlier run are taken from there.

    Args:
        experiment: What to run.
        out: Folder of the cells, one JSON file each, written as they end.
        jobs: Processes, one cell at a time each.
        threads: CPU threads per process; torch decides if left out.
        say: Called with a sentence on each cell.
        report: Called with how many cells are done, of how many.

    Returns:
        The cells in the order of ``Experiment.cells``.
    """
    key = experiment.key()
    done = {place: cell for place in experiment.cells() if (cell := _load(_file(out, *place), key)) is not None}
    todo = [place for place in experiment.cells() if place not in done]
    if done:
        say(f"{len(done)} of {len(done) + len(todo)} cells are there from an earlier run")
    for place, cell in _compute(experiment, todo, jobs, threads):
        write_atomically(_file(out, *place), json.dumps({"key": key, "cell": to_plain(cell)}) + "\n")
        done[place] = cell
        rate = sum(cell.edits) / sum(text_lengths(experiment.test))
        say(f"{cell.lines} lines, draw {cell.draw + 1}: CER {rate:.2%}, share {cell.share:g}")
        report(len(done), len(list(experiment.cells())))
    return [done[place] for place in experiment.cells()]


def text_lengths(lines: Sequence[Line]) -> list[int]:
    """Return the symbols of each text, as the CER counts them."""
    return [len(normalise_text(line.text)) for line in lines]


def run_cell(experiment: Experiment, count: int, draw: int) -> Cell:
    """Adapt to one draw, and read the test lines and those of other hands."""
    start = load_weights(experiment.weights)
    weights, share = start, 0.0
    if count:
        lines = experiment.draw(count, draw)
        request = AdaptRequest(
            start=experiment.weights, lines=lines, rehearse=experiment.rehearse, settings=experiment.settings
        )
        adapted = adapt(request)
        weights, share = adapted.weights, adapted.share
    return Cell(
        lines=count,
        draw=draw,
        share=share,
        edits=read_edits(weights, experiment.test),
        other_edits=read_edits(weights, experiment.others),
    )


def read_edits(weights: Weights, lines: Sequence[Line]) -> tuple[int, ...]:
    """Return the edits of each line's reading; symbols that the recogniser lacks count as errors.

    Raises:
        ImageError: If an image cannot be read.
    """
    audit = Audit(lines=[*lines], inputs=[prepare(line.pixels(), weights.spec.preprocess) for line in lines])
    readings = read_all(weights.network(), audit, weights.spec.charset)
    return tuple(cer([line.text], [text]).edits for line, text in zip(lines, readings, strict=True))


def _compute(
    experiment: Experiment, places: Sequence[tuple[int, int]], jobs: int, threads: int | None
) -> Iterator[tuple[tuple[int, int], Cell]]:
    if jobs == 1 or len(places) < 2:
        if threads is not None:
            torch.set_num_threads(threads)
        for place in places:
            yield place, run_cell(experiment, *place)
        return
    # Spawned, because a fork of a process in which torch has computed may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        jobs, context, initializer=_prepare_worker, initargs=(experiment, threads, os.getpid())
    ) as pool:
        running = {pool.submit(_run_in_worker, *place): place for place in sorted(places, reverse=True)}
        for future in as_completed(running):
            yield running[future], future.result()


_worker: dict[str, Experiment] = {}


def _prepare_worker(experiment: Experiment, threads: int | None, parent: int) -> None:
    tie_worker(parent)
    _worker["experiment"] = experiment
    if threads is not None:
        torch.set_num_threads(threads)


def _run_in_worker(count: int, draw: int) -> Cell:
    return run_cell(_worker["experiment"], count, draw)


def _file(out: Path, count: int, draw: int) -> Path:
    return out / f"lines-{count}-draw-{draw + 1}.json"


def _load(path: Path, key: str) -> Cell | None:
    """Return a stored cell; None if there is none, or one of another experiment."""
    if not path.exists():
        return None
    stored = read_json(path, error=LineDataError, remedy="delete it")
    if not isinstance(stored, dict) or stored.get("key") != key:
        return None
    return parse_config(Cell, stored.get("cell"), where=str(path))
