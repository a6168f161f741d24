"""The report of an ablation as Markdown."""

from __future__ import annotations

import json

from inkport.core.tables import Table, markdown_table
from inkport.train.ablation.report import AblationReport, ArmRow
from inkport.train.ablation.statistics import Interval


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
