"""``inkport diagnose flips``."""

from __future__ import annotations

from pathlib import Path

from inkport.benchmarks.checks.flips.forecast import ForecastOptions, forecast_flips
from inkport.benchmarks.checks.flips.sections import present
from inkport.benchmarks.report.files import write_views
from inkport.benchmarks.report.text import render_text
from inkport.benchmarks.run.progress import shown_progress
from inkport.commands._options import OutFolder
from inkport.commands._output import as_wanted, deliver
from inkport.commands._ports import PORTS, PortOptions
from inkport.core.console import json_for_stdout, results_only


@results_only()
def flips(
    model: str | None = None,
    /,
    *,
    ports: PortOptions = PORTS,
    out: OutFolder = Path("out/flips"),
    probes: int = ForecastOptions.probes,
    fragile: int = ForecastOptions.fragile,
    predict_only: bool = False,
) -> int:
    """Predict how many lines ports will read differently, from the reference's gaps and a few lines.

    No transcription is used. The prediction is then compared with what happens on the other lines, unless it is all
    that is wanted. Exit code 0: every target ran; 1: one failed; 2: the request or its data is wrong; 3: a required
    target is not available here.

    Args:
        model: A weights file, an artifact's directory, or the name of a shipped model; the shipped one if
            left out.
        ports: Targets and lines.
        out: Folder for flips.json, its views (.html, .md, .txt), and the exported artifacts, which the next run
            takes up again.
        probes: Lines from which each target's errors are estimated, with the same distribution of widths.
        fragile: How many of the lines that are closest to changing are listed.
        predict_only: Read no other lines than the probe lines.
    """
    options = ForecastOptions(
        threads=ports.threads, probes=probes, fragile=fragile, observe=not predict_only, skip=ports.problems
    )
    request = ports.request(model, options, out=out)
    with shown_progress() as progress:
        report = forecast_flips(request, progress=progress)
    shown = as_wanted(present(report))
    return deliver(
        json_for_stdout(report.to_json()) if ports.json_ else render_text(shown),
        files=lambda: write_views(shown, out, stem="flips", json=report.to_json()),
        where=f"{out / 'flips.html'} (also .md, .txt and .json)",
        code=report.exit_code,
    )
