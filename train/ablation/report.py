"""The report of ``inkport ablate``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inkport.benchmarks.report.envelope import Document
from inkport.core.errors import LineDataError
from inkport.lines.line import Line
from inkport.train.ablation.statistics import Difference, Interval, compare_arms, mean_over_seeds


ALL = "all"
"""Name of all data sets of a role together."""


@dataclass(frozen=True, kw_only=True)
class ArmInfo:
    """One arm."""

    name: str
    """Its name."""
    changes: Mapping[str, Any]
    """What it changes in the base recipe."""
    steps: int
    """Optimiser steps of each of its runs."""
    batch: int
    """Lines per step."""
    lines_seen: int
    """Lines that each run saw, repeats counted: its budget."""
    weights_sha256: tuple[str, ...]
    """Digests of its weights, one per seed."""


@dataclass(frozen=True, kw_only=True)
class ArmRow:
    """One arm on one data set."""

    role: str
    """What the line set is for, as the ablation calls it."""
    dataset: str
    """The data set, or ``all`` of the role."""
    arm: str
    """The arm."""
    lines: int
    """Lines."""
    symbols: int
    """Symbols in their texts."""
    cer: tuple[float, ...]
    """CER per seed."""
    mean: float
    """Mean of these."""
    interval: Interval | None
    """95 % interval of the mean over seeds; none with one seed."""
    difference: Difference | None
    """From the reference; none for the reference itself."""


@dataclass(frozen=True, kw_only=True)
class AblationReport(Document):
    """What an ablation found."""

    NAME = "ablate"

    base: str
    """The base recipe, as the ablation names it."""
    reference: str
    """The arm that the others are compared with."""
    seeds: tuple[int, ...]
    """Seeds, in the order of every list of values."""
    equal_budgets: bool
    """Whether all arms saw the same number of lines in the same number of steps."""
    arms: tuple[ArmInfo, ...]
    """The arms, in the ablation's order."""
    sets: Mapping[str, tuple[str, ...]]
    """SHA-256 of each line set, by role."""
    skipped: Mapping[str, int]
    """Unusable lines left out, by role."""
    rows: tuple[ArmRow, ...]
    """One per role, data set and arm."""


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """The lines of a role with the edits of every run."""

    lines: Sequence[Line]
    """The lines, without images and texts."""
    lengths: Sequence[int]
    """Symbols of each text."""
    edits: Mapping[str, Sequence[Sequence[int]]]
    """Edits by arm: per seed, per line."""

    def pick(self, dataset: str) -> Evaluated:
        """Return the part of one data set."""
        chosen = [i for i, line in enumerate(self.lines) if line.dataset == dataset]
        return Evaluated(
            lines=[self.lines[i] for i in chosen],
            lengths=[self.lengths[i] for i in chosen],
            edits={arm: [[e[i] for i in chosen] for e in seeds] for arm, seeds in self.edits.items()},
        )


def gather(evaluations: Mapping[str, Sequence[Mapping[str, Any]]], role: str) -> Evaluated:
    """Join the evaluations of all runs on one role.

    Args:
        evaluations: What ``inkport.train.ablation.evaluate`` wrote, by arm: per seed.
        role: The role.

    Raises:
        LineDataError: If the runs were not evaluated on the same lines.
    """
    found: list[list[Any]] | None = None
    edits: dict[str, list[list[int]]] = {}
    for arm, runs in evaluations.items():
        for run in runs:
            rows = [row for part in run["roles"][role] for row in part["lines"]]
            same = [row[:4] for row in rows]
            if found is not None and same != found:
                raise LineDataError(
                    f"{role}: arm {arm!r} was evaluated on other lines than the first run",
                    remedy="the line sets have changed meanwhile: delete evaluation.json of every run and start again",
                )
            found = same
            edits.setdefault(arm, []).append([row[4] for row in rows])
    lines = [Line(id=name, image=b"", text="", dataset=data, writer=writer) for name, data, writer, _ in found or []]
    return Evaluated(lines=lines, lengths=[row[3] for row in found or []], edits=edits)


def rows_of(role: str, evaluated: Evaluated, reference: str) -> list[ArmRow]:
    """Return the rows of a role: all data sets together, then each, every arm of one beside the others."""
    datasets = sorted({line.dataset for line in evaluated.lines})
    parts = {ALL: evaluated} | ({name: evaluated.pick(name) for name in datasets} if len(datasets) > 1 else {})
    return [_row(role, dataset, arm, part, reference) for dataset, part in parts.items() for arm in evaluated.edits]


def _row(role: str, dataset: str, arm: str, part: Evaluated, reference: str) -> ArmRow:
    symbols, edits = sum(part.lengths), part.edits[arm]
    rates = tuple(sum(each) / symbols for each in edits)
    mean, interval = mean_over_seeds(rates)
    difference = None
    if arm != reference:
        difference = compare_arms(edits, part.edits[reference], part.lengths, part.lines)
    return ArmRow(
        role=role,
        dataset=dataset,
        arm=arm,
        lines=len(part.lines),
        symbols=symbols,
        cer=rates,
        mean=mean,
        interval=interval,
        difference=difference,
    )
