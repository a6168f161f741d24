"""How often the verdicts are wrong and how often they settle: docs/results/verdict-simulation.md is its output.

    python scripts/verdict_simulation.py [--samples 10000] [--cells TEXT] [--seed 1] [--out docs/results]

The judge is the shipped one (`inkport.benchmarks.measure.equivalence` decides from these moments and this
evidence), all samples of a cell at once. What is modelled:

- Writers are drawn from a population. *Effects* on a writer, of which the mean is the true difference: `none`, all
  writers lose alike; `cv1`, gamma with a coefficient of variation of 1; `cv1.8`, gamma of 1.8 before losses are cut
  at five points; `tenth`, one writer in ten loses five points and the others nothing; `twentieth`, one in twenty
  (margin 0.25). Two more are told and not judged: `both`, two in ten lose five points and one in ten gains as much;
  `twentieth-ten`, one in twenty loses ten points, which is beyond what the verdict promises.
- *Sizes*: `uneven`, lines per writer drawn from those of inkport's test lines with one hand per writer (5 to 370),
  whatever the writer's loss; `equal`, 20 lines of each; `small`, 7 lines of each, as in the shipped samples.
- A line has 15 to 60 symbols, 38 on average. A loss comes as flipped lines, Poisson, of 1, 2 or 3 edits each (2 on
  average). On top of it 3 % of the lines change without a loss on average: 1, 2 or 3 edits more or fewer.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from functools import cache
from math import log
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inkport.benchmarks.measure.equivalence import LEVEL
from inkport.benchmarks.measure.estimate import limits, moments
from inkport.benchmarks.measure.per_line import to_json_text
from inkport.benchmarks.measure.student import t_quantile
from inkport.benchmarks.measure.unseen import evidence, log_evidence_below
from inkport.core.files import write_atomically
from inkport.core.tables import Table, markdown_table
from inkport.core.target import LARGEST_WRITER_LOSS


Floats = npt.NDArray[np.float64]

WRITERS = (5, 10, 20, 42, 60)
"""Writers per sample: few; the samples' 42; and the 60 units of the test lines."""
UNEVEN = (
    *(5, 6, 7, 10, 11, 14, 14, 14, 14, 14, 15, 15, 16, 16, 17, 17, 19, 19, 20, 20, 20, 20, 21, 21, 21, 22, 23, 25),
    *(28, 28, 29, 33, 34, 34, 41, 45, 46, 47, 49, 53, 60, 214, 240, 256, 370),
)
"""Lines of each of the 45 hands in inkport's 2,063 test lines."""
SIZES = {"uneven": UNEVEN, "equal": (20,), "small": (7,)}
"""Lines per writer to draw from."""
FLIPPED = 0.03
"""Share of the lines that change without a loss."""
CAP = 0.05
"""What losses of `cv1.8` are cut at."""
EFFECTS = {
    "none": 0.005,
    "cv1": 0.005,
    "cv1.8": 0.005,
    "tenth": 0.005,
    "twentieth": 0.0025,
    "both": 0.005,
    "twentieth-ten": 0.005,
}
"""Effects on writers, and the margin that the true difference lies on."""
REPORTED = ("both", "twentieth-ten")
"""Effects that are shown but not judged."""
INVERSE_DEGREES = np.linspace(1e-4, 1.0, 800)
"""Where quantiles of Student's t are tabulated."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One population and kind of sample."""

    effect: str
    """What a writer loses."""
    truth: float
    """True difference."""
    margin: float
    """Margin of the verdict."""
    sizes: str
    """Lines per writer."""
    writers: int
    """Writers per sample."""
    flipped: float = FLIPPED
    """Share of lines that change without a loss."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Shares of the samples of a cell."""

    equivalent: float
    """Called EQUIVALENT."""
    worse: float
    """Called WORSE."""
    better: float
    """Called BETTER."""
    covered: float
    """Whose 95 % interval holds the truth."""
    plain: float
    """Called EQUIVALENT by the plain rule: the same limits, each wider by 3 / writers times the largest loss."""
    blind: float
    """Called EQUIVALENT if nothing is allowed for writers that were not seen."""


def losses(rng: np.random.Generator, cell: Cell, shape: tuple[int, int]) -> Floats:
    """Return what each writer loses."""
    match cell.effect:
        case "none":
            return np.full(shape, cell.truth)
        case "cv1":
            return rng.gamma(1.0, cell.truth, shape)
        case "cv1.8":
            return np.minimum(rng.gamma(1.8**-2, _capped_scale(cell.truth), shape), CAP)
        case "tenth" | "twentieth":
            return np.where(rng.random(shape) < cell.truth / CAP, CAP, 0.0)
        case "both":
            chance = rng.random(shape)
            gains = 0.1
            return CAP * (
                np.where(chance < gains + cell.truth / CAP, 1.0, 0.0) - np.where(chance > 1 - gains, 1.0, 0.0)
            )
        case "twentieth-ten":
            return np.where(rng.random(shape) < cell.truth / (2 * CAP), 2 * CAP, 0.0)
    raise ValueError(cell.effect)


@cache
def _capped_scale(mean: float) -> float:
    """Return the scale of the gamma distribution whose values, cut at ``CAP``, have this mean (by a large sample)."""
    draws = np.random.default_rng(0).gamma(1.8**-2, 1.0, 4_000_000)
    low, high = mean, 100 * mean
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if np.minimum(draws * middle, CAP).mean() < mean else (low, middle)
    return low


def draw(rng: np.random.Generator, cell: Cell, samples: int) -> tuple[Floats, Floats]:
    """Return edits lost and symbols per writer, float64 (samples, writers) each."""
    shape = (samples, cell.writers)
    lines = rng.choice(SIZES[cell.sizes], size=shape)
    # The sum of uniform line lengths is close to normal from a handful of lines on.
    symbols = np.rint(38 * lines + 12 * np.sqrt(lines) * rng.normal(size=shape)).clip(15 * lines, 60 * lines)
    loss = losses(rng, cell, shape)
    lost = np.sign(loss) * _edits(rng, rng.poisson(symbols * np.abs(loss) / 2))
    more, fewer = (_edits(rng, rng.binomial(lines, cell.flipped / 2)) for _ in range(2))
    return (lost + more - fewer).astype(np.float64), symbols


def _edits(rng: np.random.Generator, flips: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the edits of so many flips, each of 1, 2 or 3 with equal chances."""
    ones = rng.binomial(flips, 1 / 3)
    twos = rng.binomial(flips - ones, 1 / 2)
    return np.asarray(ones + 2 * twos + 3 * (flips - ones - twos))


def simulate(cell: Cell, samples: int, seed: int) -> Outcome:
    """Draw samples of a cell and judge each."""
    # One stream per cell, whatever else is run.
    rng = np.random.default_rng([seed, *json.dumps(asdict(cell)).encode()])
    difference, symbols = draw(rng, cell, samples)
    found = moments(difference, symbols)
    low, high = limits(found, _quantiles(1 - LEVEL, found.degrees))
    wide_low, wide_high = limits(found, _quantiles(0.975, found.degrees))
    shown, rates = evidence(symbols, LARGEST_WRITER_LOSS), difference / symbols
    safe = np.minimum(
        log_evidence_below(rates, shown, cell.margin, LARGEST_WRITER_LOSS),
        log_evidence_below(-rates, shown, cell.margin, LARGEST_WRITER_LOSS),
    ) >= log(1 / LEVEL)
    blind = (-cell.margin < low) & (high < cell.margin)
    allowed = 3 / cell.writers * LARGEST_WRITER_LOSS
    plain = (-cell.margin < low - allowed) & (high + allowed < cell.margin)
    covered = (wide_low <= cell.truth) & (cell.truth <= wide_high)
    shares = (blind & safe, low > cell.margin, high < -cell.margin, covered, plain, blind)
    names = ("equivalent", "worse", "better", "covered", "plain", "blind")
    return Outcome(**{name: float(share.mean()) for name, share in zip(names, shares, strict=True)})


def _quantiles(probability: float, degrees: Floats) -> Floats:
    """Return Student's quantiles, interpolated over the inverse of the degrees of freedom, which are 1 or more."""
    return np.interp(1 / degrees, INVERSE_DEGREES, _table(probability))


@cache
def _table(probability: float) -> Floats:
    return np.asarray([t_quantile(probability, 1 / value) for value in INVERSE_DEGREES])


def grid() -> list[tuple[str, Cell]]:
    """Return all cells, each after the name of the table that it belongs to."""
    cells: list[tuple[str, Cell]] = []
    for sizes in SIZES:
        for effect, margin in EFFECTS.items():
            cells += [
                ("margin", Cell(effect=effect, truth=margin, margin=margin, sizes=sizes, writers=writers))
                for writers in WRITERS
            ]
        for writers in (42, 60):
            still = {"margin": 0.005, "sizes": sizes, "writers": writers}
            cells += [
                ("power", Cell(effect="none", truth=0.0, **still)),
                ("power", Cell(effect="none", truth=0.0, flipped=0.0, **still)),
                ("power", Cell(effect="none", truth=0.02, **still)),
                ("power", Cell(effect="cv1", truth=0.001, **still)),
                ("power", Cell(effect="cv1.8", truth=0.001, **still)),
            ]
    return cells


def faults(table: str, cell: Cell, found: Outcome) -> list[str]:
    """Return what a cell was to show and does not."""
    wrong = []
    if table == "margin" and cell.effect not in REPORTED:
        wrong += [f"EQUIVALENT in {found.equivalent:.1%}"] * (found.equivalent > LEVEL)
        wrong += [f"WORSE in {found.worse:.1%}"] * (found.worse > LEVEL)
        if cell.effect in {"none", "cv1"} and cell.writers >= 20:
            wrong += [f"covered in {found.covered:.1%}"] * (found.covered < 0.94)
    if table == "power" and cell.effect == "none":
        least = {42: 0.5, 60: 0.8}[cell.writers] if cell.flipped else 1.0
        if cell.truth:
            wrong += [f"WORSE in {found.worse:.1%}"] * (found.worse < 0.9)
        else:
            wrong += [f"EQUIVALENT in {found.equivalent:.1%}"] * (found.equivalent < least)
    return wrong


def report(rows: list[tuple[str, Cell, Outcome]], samples: int, seed: int) -> str:
    """Return the tables as Markdown."""
    missed = [f"{cell}: {fault}" for table, cell, found in rows for fault in faults(table, cell, found)]
    parts = [
        "# Verdicts in simulation",
        (
            f"`scripts/verdict_simulation.py --samples {samples} --seed {seed}`; it says what is modelled. Per cell "
            f"{samples} samples; per cent of them. The largest loss that the verdicts allow for is five points. The "
            "judge is symmetrical: for gains instead of losses the same holds with BETTER for WORSE."
        ),
        "All that the cells are to show holds." if not missed else "Not shown: " + "; ".join(missed) + ".",
        "## The true difference lies on the margin",
        (
            "EQUIVALENT is wrong here, WORSE too. *blind*: EQUIVALENT if nothing were allowed for writers that were "
            f"not seen. *covered*: by the 95 % interval. {' and '.join(REPORTED)} are only told."
        ),
        _table_of(rows, "margin"),
        "## The true difference lies within the margin, or far above",
        "*plain*: EQUIVALENT if both limits were wider by 3 / writers of the largest loss.",
        _table_of(rows, "power"),
    ]
    return "\n\n".join(parts) + "\n"


def _table_of(rows: list[tuple[str, Cell, Outcome]], name: str) -> str:
    head = (
        "lines",
        "effect",
        "true",
        "margin",
        "changed",
        "writers",
        "EQUIVALENT",
        "WORSE",
        "covered",
        "blind",
        "plain",
    )
    found = tuple(
        (
            cell.sizes,
            cell.effect,
            f"{100 * cell.truth:g}",
            f"{100 * cell.margin:g}",
            f"{100 * cell.flipped:g}",
            str(cell.writers),
            *(f"{100 * share:.1f}" for share in (out.equivalent, out.worse, out.covered, out.blind, out.plain)),
        )
        for table, cell, out in rows
        if table == name
    )
    return markdown_table(Table(head, found, 2))


def main() -> int:
    """Simulate, write the report, and return 1 if a cell does not show what it was to show."""
    parser = argparse.ArgumentParser(description="How often verdicts are wrong, and how often they settle.")
    parser.add_argument("--samples", type=int, default=10_000, help="samples per cell")
    parser.add_argument("--cells", default="", help="only cells whose description holds this text")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=None, help="folder of verdict-simulation.json and .md")
    asked = parser.parse_args()
    rows = []
    for table, cell in grid():
        if asked.cells in str(cell):
            rows.append((table, cell, simulate(cell, asked.samples, asked.seed)))
            sys.stderr.write(f"{cell}: EQUIVALENT {rows[-1][2].equivalent:.2%}\n")
    text = report(rows, asked.samples, asked.seed)
    sys.stdout.write(text)
    if asked.out is not None:
        cells = [{"table": table, **asdict(cell), **asdict(found)} for table, cell, found in rows]
        document = {"samples": asked.samples, "seed": asked.seed, "cells": cells}
        write_atomically(asked.out / "verdict-simulation.json", to_json_text(document) + "\n")
        write_atomically(asked.out / "verdict-simulation.md", text)
    return int(any(faults(table, cell, found) for table, cell, found in rows))


if __name__ == "__main__":
    sys.exit(main())
