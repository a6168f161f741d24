"""``inkport metamorphic``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from inkport.benchmarks.checks.invariance.files import write_checks
from inkport.benchmarks.checks.invariance.report import InvarianceOptions
from inkport.benchmarks.checks.invariance.run import check_relations
from inkport.benchmarks.checks.invariance.sections import present
from inkport.benchmarks.report.text import render_text
from inkport.benchmarks.run.progress import clear_progress, terminal_progress
from inkport.commands._deliver import deliver
from inkport.commands._options import OutFolder, Threads
from inkport.commands._prepared import prepare_request
from inkport.commands._request import problems_of
from inkport.commands._skip import Skip
from inkport.core.console import json_for_stdout, results_only
from inkport.core.errors import UsageError
from inkport.runtimes.relations.relations import RELATIONS


@results_only()
def metamorphic(
    model: str | None = None,
    *,
    targets: Path | None = None,
    lines: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)] = (),
    out: OutFolder = Path("out/metamorphic"),
    json_: Annotated[bool, Parameter(name="--json")] = False,
    threads: Threads = 1,
    sample: int = InvarianceOptions.sample,
    relations: str = "",
    skip: Skip = "",
    calibration: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)] = (),
) -> int:
    """Check invariance: only a line's own image changes its text, not batch, order, padding, threads or repetition.

    No transcription is needed. Each violation comes with a minimal example. Exit code 0: every relation holds;
    1: one is violated, or a target failed; 2: the request or its data is wrong; 3: a required target is not
    available here.

    Args:
        model: A weights file, an artifact's directory, or the name of a shipped model; the shipped one if
            left out.
        targets: TOML file with one [[target]] table per target; every runtime that inkport knows if left out.
        lines: Line sets: Parquet files, TSV manifests, folders; the shipped sample lines if left out.
        out: Folder for metamorphic.json, its views (.html, .md, .txt, .xml), the examples, and the exported
            artifacts, which the next run takes up again.
        json_: Print the report as JSON instead of the table.
        threads: Threads per target.
        sample: Maximum number of lines to test, with the same distribution of widths.
        relations: Relations to test, separated by commas; all if left out.
        skip: Problems whose lines are left out and counted, instead of refused.
        calibration: Line sets to calibrate int8 on: lines that the model was trained on.
    """
    options = _options(threads, sample, relations, skip)
    request = prepare_request(model, targets=targets, lines=lines, calibration=calibration, options=options, out=out)
    try:
        checked = check_relations(request, progress=terminal_progress())
    finally:
        clear_progress()
    return deliver(
        json_for_stdout(checked.report.to_json()) if json_ else render_text(present(checked.report)),
        files=lambda: write_checks(checked, out),
        where=f"{out / 'metamorphic.html'} (also .md, .txt, .xml and .json)",
        code=checked.report.exit_code,
    )


def _options(threads: int, sample: int, relations: str, skip: str) -> InvarianceOptions:
    names = [relation.name for relation in RELATIONS]
    wanted = [name.strip() for name in relations.split(",") if name.strip()]
    if unknown := sorted(set(wanted) - set(names)):
        raise UsageError(f"--relations {','.join(unknown)}: no such relation", remedy=f"relations: {', '.join(names)}")
    return InvarianceOptions(
        threads=threads,
        sample=sample,
        relations=tuple(name for name in names if not wanted or name in wanted),
        skip=problems_of(skip),
    )
