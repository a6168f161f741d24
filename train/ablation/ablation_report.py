"""The report of ``inkport train ablate``: means over seeds, differences between arms with the same seeds and lines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean
from typing import Any

from inkport.benchmarks.measure.estimate import estimate
from inkport.benchmarks.measure.quantiles import mean_interval
from inkport.benchmarks.measure.units import UnitKind, units_of
from inkport.benchmarks.report.envelope import Document
from inkport.core.errors import LineDataError
from inkport.core.tables import Table, markdown_table
from inkport.lines.line import Line, hands


Interval = tuple[float, float]
"""Lower and upper limit."""


class Said(StrEnum):
    """What seeds and lines say of a difference."""

    BETTER = "better"
    """Both intervals lie below 0: fewer errors."""
    WORSE = "worse"
    """Both intervals lie above 0."""
    OPEN = "not shown"
    """At least one of them holds 0, or there is one seed only, or fewer than three writers."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """CER of an arm minus CER of the reference, means over the same seeds on the same lines."""

    mean: float
    """The difference."""
    over_seeds: Interval | None
    """95 % interval for other seeds on these lines; none with one seed."""
    over_lines: Interval | None
    """95 % interval for other such writers with these seeds; none for fewer than three."""
    unit: UnitKind
    """What is taken as independent."""
    clusters: int
    """How many of them there are."""
    said: Said
    """What both say together."""


def mean_over_seeds(values: Sequence[float]) -> tuple[float, Interval | None]:
    """Return the mean and its 95 % interval by Student's t; no interval for a single value."""
    return fmean(values), mean_interval(values)


def compare_arms(
    edits: Sequence[Sequence[int]],
    reference: Sequence[Sequence[int]],
    lengths: Sequence[int],
    lines: Sequence[Line],
) -> Difference:
    """Compare an arm with the reference.

    Args:
        edits: Edits of the arm, per seed and line.
        reference: Edits of the reference, with the same seeds in the same order, on the same lines.
        lengths: Symbols of each text, at least 1 in all.
        lines: The lines, which say who wrote them.
    """
    total = sum(lengths)
    by_seed = [(sum(ours) - sum(theirs)) / total for ours, theirs in zip(edits, reference, strict=True)]
    mean, over_seeds = mean_over_seeds(by_seed)
    by_line = [_over_seeds(edits, i) - _over_seeds(reference, i) for i in range(len(lengths))]
    found = estimate(by_line, [length * len(edits) for length in lengths], units_of(hands(lines)))
    over_lines = found.interval()
    said = Said.OPEN
    if over_seeds is not None and over_lines is not None:
        if max(over_seeds[1], over_lines[1]) < 0:
            said = Said.BETTER
        elif min(over_seeds[0], over_lines[0]) > 0:
            said = Said.WORSE
    return Difference(
        mean=mean,
        over_seeds=over_seeds,
        over_lines=over_lines,
        unit=found.kind,
        clusters=found.units,
        said=said,
    )


def _over_seeds(edits: Sequence[Sequence[int]], line: int) -> int:
    return sum(seed[line] for seed in edits)


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


EXPLANATION = """\
The first interval is that of the mean for other seeds (95 %, Student's t). Differences are percent points of CER, arm \
minus reference, seed by seed on the same lines. In their first interval seeds vary (Student's t over the paired \
differences), in their second writers vary (all lines of a writer together). An arm is called better or \
worse where both intervals leave out 0."""
"""How to read the tables."""


def render_ablation(report: AblationReport) -> str:
    """Return the budgets and one table per role and data set; CER and differences in percent points."""
    seeds = ", ".join(map(str, report.seeds))
    heading = f"Mean CER in % of the last weights of each run over {len(report.seeds)} seeds ({seeds})."
    parts = [f"# Ablation of {report.base}", heading, EXPLANATION, "## Arms", _budget(report), _arms(report)]
    for role, dataset in dict.fromkeys((row.role, row.dataset) for row in report.rows):
        rows = [row for row in report.rows if (row.role, row.dataset) == (role, dataset)]
        parts += [f"## {role}: {dataset}", _counts(rows[0], report), _table(rows)]
    return "\n\n".join(parts) + "\n"


def _budget(report: AblationReport) -> str:
    first = report.arms[0]
    if report.equal_budgets:
        return (
            f"Every run had the same budget: {first.steps} steps of {first.batch} lines, {first.lines_seen} lines seen."
        )
    return "**The budgets differ**, so that differences between arms are also differences between budgets."


def _arms(report: AblationReport) -> str:
    rows = [
        (
            arm.name,
            json.dumps(arm.changes, ensure_ascii=False) if arm.changes else "none",
            str(arm.steps),
            str(arm.lines_seen),
        )
        for arm in report.arms
    ]
    return markdown_table(Table(("arm", "changes", "steps", "lines seen"), tuple(rows), 2))


def _counts(row: ArmRow, report: AblationReport) -> str:
    skipped = report.skipped[row.role]
    left_out = f"; {skipped} unusable lines of {row.role} were left out" if skipped else ""
    return f"{row.lines} lines, {row.symbols} symbols{left_out}."


def _table(rows: list[ArmRow]) -> str:
    head = ("arm", "CER", "95 % over seeds", "difference", "over seeds", "over lines", "verdict")
    found = []
    for row in rows:
        cells = [row.arm, f"{100 * row.mean:.2f}", _interval(row.interval)]
        if row.difference is None:
            cells += ["reference", "", "", ""]
        else:
            difference = row.difference
            over_lines = _interval(difference.over_lines, signed=True, absent="too few")
            over_lines += f" ({difference.clusters} {difference.unit}s)"
            cells += [f"{100 * difference.mean:+.2f}", _interval(difference.over_seeds, signed=True), over_lines]
            cells.append(difference.said.value)
        found.append(tuple(cells))
    return markdown_table(Table(head, tuple(found), 1))


def _interval(interval: Interval | None, *, signed: bool = False, absent: str = "one seed") -> str:
    if interval is None:
        return absent
    sign = "+" if signed else ""
    return " .. ".join(f"{100 * limit:{sign}.2f}" for limit in interval)
