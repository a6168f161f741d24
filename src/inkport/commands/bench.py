"""``inkport bench``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from inkport.benchmarks.checks.bench.measure import BenchOptions, run_bench
from inkport.benchmarks.checks.bench.sections import present
from inkport.benchmarks.report.files import write_views
from inkport.benchmarks.report.text import render_text
from inkport.benchmarks.run.progress import shown_progress
from inkport.benchmarks.run.scenarios import Scenario, StopRule
from inkport.commands._options import OutFolder, Seconds
from inkport.commands._output import as_wanted, deliver, warn_of_sharing
from inkport.commands._ports import PORTS, PortOptions
from inkport.core.console import json_for_stdout, results_only


@results_only()
def bench(
    model: str | None = None,
    /,
    *,
    ports: PortOptions = PORTS,
    out: OutFolder = Path("out/bench"),
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
) -> int:
    """Measure how fast targets are, as deeply as time allows; `inkport verify` says whether they read the same.

    Times of targets are measured in turns, and a difference that the machine makes by itself is reported as
    none. Exit code 0: all well; 1: a target failed; 2: the request or its data is wrong; 3: a required target
    is not available here.

    Args:
        model: A weights file, an artifact's directory, or the name of a shipped model; the shipped one if
            left out.
        ports: Targets and lines.
        out: Folder for bench.json, its views (.html, .md, .txt), LoadGen's logs, and the exported artifacts.
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
    """
    options = BenchOptions(
        scenarios=tuple(dict.fromkeys(scenario)),
        threads=ports.threads,
        rule=StopRule(precision=precision, most_s=most_seconds, most_queries=most_queries),
        fresh=fresh,
        peaks=not no_peaks,
        overhead=overhead,
        sustained_minutes=sustained,
        loadgen=loadgen,
        loadgen_ms=round(loadgen_seconds * 1000),
        skip=ports.problems,
    )
    warn_of_sharing(ports.threads)
    request = ports.request(model, options, out=out)
    with shown_progress() as progress:
        report = run_bench(request, progress=progress)
    shown = as_wanted(present(report))
    return deliver(
        json_for_stdout(report.to_json()) if ports.json_ else render_text(shown),
        files=lambda: write_views(shown, out, stem="bench", json=report.to_json()),
        where=f"{out / 'bench.html'} (also .md, .txt and .json)",
        code=report.exit_code,
    )
