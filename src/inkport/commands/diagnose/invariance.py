"""``inkport diagnose invariance``."""

from __future__ import annotations

from pathlib import Path

from inkport.benchmarks.checks.invariance.relations import InvarianceOptions, check_relations
from inkport.benchmarks.checks.invariance.sections import present, write_checks
from inkport.benchmarks.report.text import render_text
from inkport.benchmarks.run.progress import shown_progress
from inkport.commands._options import OutFolder
from inkport.commands._output import as_wanted, deliver
from inkport.commands._ports import PORTS, PortOptions
from inkport.core.console import json_for_stdout, results_only
from inkport.core.errors import UsageError
from inkport.runtimes.relations.relations import RELATIONS


@results_only()
def invariance(
    model: str | None = None,
    /,
    *,
    ports: PortOptions = PORTS,
    out: OutFolder = Path("out/invariance"),
    sample: int = InvarianceOptions.sample,
    relations: str = "",
) -> int:
    """Check invariance: only a line's own image changes its text, not batch, order, padding, threads or repetition.

    No transcription is needed. Each violation comes with a minimal example. Exit code 0: every relation holds;
    1: one is violated, or a target failed; 2: the request or its data is wrong; 3: a required target is not
    available here.

    Args:
        model: A weights file, an artifact's directory, or the name of a shipped model; the shipped one if
            left out.
        ports: Targets and lines.
        out: Folder for invariance.json, its views (.html, .md, .txt, .xml), the examples, and the exported
            artifacts, which the next run takes up again.
        sample: Maximum number of lines to test, with the same distribution of widths.
        relations: Relations to test, separated by commas; all if left out.
    """
    request = ports.request(model, _options(ports, sample, relations), out=out)
    with shown_progress() as progress:
        checked = check_relations(request, progress=progress)
    shown = as_wanted(present(checked.report))
    return deliver(
        json_for_stdout(checked.report.to_json()) if ports.json_ else render_text(shown),
        files=lambda: write_checks(checked, shown, out),
        where=f"{out / 'invariance.html'} (also .md, .txt, .xml and .json)",
        code=checked.report.exit_code,
    )


def _options(ports: PortOptions, sample: int, relations: str) -> InvarianceOptions:
    names = [relation.name for relation in RELATIONS]
    wanted = [name.strip() for name in relations.split(",") if name.strip()]
    if unknown := sorted(set(wanted) - set(names)):
        raise UsageError(f"--relations {','.join(unknown)}: no such relation", remedy=f"relations: {', '.join(names)}")
    return InvarianceOptions(
        threads=ports.threads,
        sample=sample,
        relations=tuple(name for name in names if not wanted or name in wanted),
        skip=ports.problems,
    )
