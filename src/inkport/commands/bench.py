"""``inkport bench``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from inkport.benchmarks.checks.bench.report import BenchOptions
from inkport.benchmarks.checks.bench.run import run_bench
from inkport.benchmarks.checks.bench.sections import present
from inkport.benchmarks.report.files import write_views
from inkport.benchmarks.report.text import render_text
from inkport.benchmarks.run.progress import clear_progress, terminal_progress
from inkport.benchmarks.run.scenarios.queries import Scenario
from inkport.benchmarks.run.scenarios.stopping import StopRule
from inkport.commands._deliver import deliver
from inkport.commands._options import OutFolder, Seconds, Threads
from inkport.commands._prepared import prepare_request
from inkport.commands._request import problems_of
from inkport.commands._skip import Skip
from inkport.commands._warn import warn_of_sharing
from inkport.core.console import json_for_stdout, results_only


@results_only()
def bench(
    model: str | None = None,
    *,
    targets: Path | None = None,
    lines: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)] = (),
    out: OutFolder = Path("out/bench"),
    json_: Annotated[bool, Parameter(name="--json")] = False,
    scenario: Annotated[tuple[Scenario, ...], Parameter(consume_multiple=True)] = BenchOptions.scenarios,
    precision: float = StopRule.precision,
    most_seconds: Seconds = StopRule.most_s,
    most_queries: int = StopRule.most_queries,
    fresh: int = BenchOptions.fresh,
    no_peaks: bool = False,
    overhead: bool = False,
    sustained: int = BenchOptions.sustained_minutes,
    loadgen: bool = False,
    loadgen_seconds: Seconds = BenchOptions.loadgen_ms / 1000,
    threads: Threads = BenchOptions.threads,
    skip: Skip = "",
    calibration: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)] = (),
) -> int:
    """Measure how fast targets are, as deeply as time allows; `inkport verify` says whether they read the same.

    Times of targets are measured in turns, and a difference that the machine makes by itself is reported as
    none. Exit code 0: all well; 1: a target failed; 2: the request or its data is wrong; 3: a required target
    is not available here.

    Args:
        model: A weights file, an artifact's directory, or the name of a shipped model; the shipped one if
            left out.
        targets: TOML file with one [[target]] table per target; every runtime that inkport knows if left out.
        lines: Line sets: Parquet files, TSV manifests, folders; the shipped sample lines if left out.
        out: Folder for bench.json, its views (.html, .md, .txt), LoadGen's logs, and the exported artifacts.
        json_: Print the report as JSON instead of the tables.
        scenario: single-stream, multi-stream, offline: how lines arrive.
        precision: Stop a scenario when the 95 % intervals of p50 and p90 of all targets are narrower than this
            share of the estimate; 0.1 is about 5 % either way.
        most_seconds: Stop a scenario after this time in any case.
        most_queries: Stop a scenario after this many queries per target in any case.
        fresh: Fresh processes per target for cold start, first calls at new widths, and memory; 0 for none.
        no_peaks: Leave out the machine's peak rates, which take some seconds.
        overhead: Compare the harness with a bare loop around the same session.
        sustained: Minutes of a sustained run, the last against the first; 0 for none.
        loadgen: Run the same scenarios through MLCommons LoadGen as well.
        loadgen_seconds: Shortest run under LoadGen.
        threads: Threads per target.
        skip: Problems whose lines are left out and counted, instead of refused.
        calibration: Line sets to calibrate int8 on: lines that the model was trained on.
    """
    options = BenchOptions(
        scenarios=tuple(dict.fromkeys(scenario)),
        threads=threads,
        rule=StopRule(precision=precision, most_s=most_seconds, most_queries=most_queries),
        fresh=fresh,
        peaks=not no_peaks,
        overhead=overhead,
        sustained_minutes=sustained,
        loadgen=loadgen,
        loadgen_ms=round(loadgen_seconds * 1000),
        skip=problems_of(skip),
    )
    warn_of_sharing(threads)
    request = prepare_request(model, targets=targets, lines=lines, calibration=calibration, options=options, out=out)
    try:
        report = run_bench(request, progress=terminal_progress())
    finally:
        clear_progress()
    shown = present(report)
    return deliver(
        json_for_stdout(report.to_json()) if json_ else render_text(shown),
        files=lambda: write_views(shown, out, stem="bench", json=report.to_json()),
        where=f"{out / 'bench.html'} (also .md, .txt and .json)",
        code=report.exit_code,
    )
