"""``inkport margins``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from inkport.benchmarks.checks.flips.report import ForecastOptions
from inkport.benchmarks.checks.flips.run import forecast_flips
from inkport.benchmarks.checks.flips.sections import present
from inkport.benchmarks.report.files import write_views
from inkport.benchmarks.report.text import render_text
from inkport.benchmarks.run.progress import clear_progress, terminal_progress
from inkport.commands._deliver import deliver
from inkport.commands._options import OutFolder, Threads
from inkport.commands._prepared import prepare_request
from inkport.commands._request import problems_of
from inkport.commands._skip import Skip
from inkport.core.console import json_for_stdout, results_only


@results_only()
def margins(
    model: str | None = None,
    *,
    targets: Path | None = None,
    lines: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)] = (),
    out: OutFolder = Path("out/margins"),
    json_: Annotated[bool, Parameter(name="--json")] = False,
    threads: Threads = 1,
    probes: int = ForecastOptions.probes,
    fragile: int = ForecastOptions.fragile,
    predict_only: bool = False,
    skip: Skip = "",
    calibration: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)] = (),
) -> int:
    """Predict how many lines ports will read differently, from the reference's gaps and a few lines.

    No transcription is used. The prediction is then compared with what happens on the other lines, unless it is all
    that is wanted. Exit code 0: every target ran; 1: one failed; 2: the request or its data is wrong; 3: a required
    target is not available here.

    Args:
        model: A weights file, an artifact's directory, or the name of a shipped model; the shipped one if
            left out.
        targets: TOML file with one [[target]] table per target; every runtime that inkport knows if left out.
        lines: Line sets: Parquet files, TSV manifests, folders; the shipped sample lines if left out.
        out: Folder for margins.json, its views (.html, .md, .txt), and the exported artifacts, which the next run
            takes up again.
        json_: Print the report as JSON instead of the table.
        threads: Threads per target.
        probes: Lines from which each target's errors are estimated, with the same distribution of widths.
        fragile: How many of the lines that are closest to changing are listed.
        predict_only: Read no other lines than the probe lines.
        skip: Problems whose lines are left out and counted, instead of refused.
        calibration: Line sets to calibrate int8 on: lines that the model was trained on.
    """
    options = ForecastOptions(
        threads=threads, probes=probes, fragile=fragile, observe=not predict_only, skip=problems_of(skip)
    )
    request = prepare_request(model, targets=targets, lines=lines, calibration=calibration, options=options, out=out)
    try:
        report = forecast_flips(request, progress=terminal_progress())
    finally:
        clear_progress()
    shown = present(report)
    return deliver(
        json_for_stdout(report.to_json()) if json_ else render_text(shown),
        files=lambda: write_views(shown, out, stem="margins", json=report.to_json()),
        where=f"{out / 'margins.html'} (also .md, .txt and .json)",
        code=report.exit_code,
    )
