"""``inkport data widths``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from inkport.benchmarks.measure.width_cost import CostModel, Plan, plan_buckets
from inkport.benchmarks.report.text import aligned
from inkport.benchmarks.run.progress import shown_progress, tracked
from inkport.commands._lines import LineSets
from inkport.commands._model import resolve_model
from inkport.commands._options import Json, Skip, say_skipped
from inkport.commands._request import problems_of
from inkport.core.config import parse_config, to_plain
from inkport.core.documents import read_json
from inkport.core.errors import DataError, RecipeError, UsageError
from inkport.core.tables import Table
from inkport.lines.audit import sized_lines
from inkport.lines.problem import Finding
from inkport.lines.source import read_lines


def widths(
    model: str | None = None,
    /,
    *,
    lines: LineSets,
    count: int = 5,
    report: Path | None = None,
    target: str | None = None,
    skip: Skip = "",
    json_: Json = False,
) -> None:
    """Choose the widths to compile for a device that runs fixed shapes only, so that lines cost least.

    A line runs in the narrowest bucket that holds it, padded to its width. What a width costs is taken from
    the curve that a report holds of a target; without a report a run is taken to cost as much as it is wide.
    One row per number of buckets, up to --count, shows what each further one saves.

    Args:
        model: Whose preprocessing decides the widths: a weights file, an artifact's directory, or the name of
            a shipped model; the shipped one if left out.
        lines: Line sets with the widths that the device will see: Parquet files, TSV manifests, folders.
        count: Maximum number of buckets.
        report: report.json of `inkport verify`, or bench.json of `inkport bench`.
        target: Name of the target in that report; may be left out if only one has a curve.
        skip: Problems whose lines are left out; only bad-image can be found here. Lines that are too wide always are.
        json_: Print JSON instead of a table.
    """
    if count < 1:
        raise UsageError(f"--count must be at least 1, found {count}")
    if target is not None and report is None:
        raise UsageError("--target names a target of a report", remedy="pass the report with --report")
    spec = resolve_model(model).spec.preprocess
    findings: list[Finding] = []
    with shown_progress() as progress:
        read = tracked(read_lines(lines), "reading lines", progress)
        found = [spec.padded_width(*size) for _, size in sized_lines(read, findings, skip=problems_of(skip))]
    say_skipped(findings)
    usable = [width for width in found if width <= spec.max_width]
    if len(usable) < len(found):
        sys.stderr.write(f"left out: {len(found) - len(usable)} lines wider than the {spec.max_width} px it takes\n")
    cost: Callable[[float], float] = float if report is None else _cost_of(report, target).time_ms
    unit = "px" if report is None else "ms"
    plans = [plan_buckets(usable, number, cost) for number in range(1, min(count, len(set(usable)) or 1) + 1)]
    if json_:
        sys.stdout.write(json.dumps({"unit": unit, "lines": len(usable), "plans": to_plain(plans)}, indent=1) + "\n")
    else:
        sys.stdout.write(aligned(_table(plans, unit)) + "\n")


def _cost_of(path: Path, target: str | None) -> CostModel:
    """Return the cost model of a target in a report.

    Raises:
        DataError: If the file is not a report, has no such target, or holds no curve of it.
    """
    try:
        rows: list[dict[str, Any]] = read_json(path)["targets"]
        # A report of verify keeps the curve with the latency, one of bench with the target.
        curves = {row["name"]: row.get("curve") or (row.get("latency") or {}).get("curve") for row in rows}
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: not a report of inkport ({error!r})", remedy="pass report.json or bench.json"
        ) from error
    there = {name: curve for name, curve in curves.items() if curve}
    if target is None and len(there) == 1:
        target = next(iter(there))
    if target is None or target not in there:
        found = f"{path}: no curve of {target!r}" if target else f"{path}: {len(there)} targets have a curve"
        raise DataError(found, remedy=f"--target with one of: {', '.join(map(repr, there)) or 'none has one'}")
    try:
        return parse_config(CostModel, there[target]["cost"], where=f"{path}: {target}: cost")
    except (KeyError, TypeError, RecipeError) as error:
        raise DataError(f"{path}: the curve of {target!r} is damaged ({error})") from error


def _table(plans: list[Plan], unit: str) -> Table:
    head = ("buckets", f"{unit} per line", "padding costs", "widths")
    rows = [
        (str(len(p.buckets_px)), f"{p.cost:.4g}", f"{p.overhead:+.1%}", " ".join(map(str, p.buckets_px))) for p in plans
    ]
    return Table(head=head, rows=tuple(rows), text_columns=0)
