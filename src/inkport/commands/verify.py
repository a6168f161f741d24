"""``inkport verify``."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from inkport.benchmarks.checks.verify import verify as run_harness
from inkport.benchmarks.report.files import write_report
from inkport.benchmarks.report.sections import present
from inkport.benchmarks.report.text import render_text
from inkport.benchmarks.run.options import VerifyOptions
from inkport.benchmarks.run.progress import clear_progress, terminal_progress
from inkport.benchmarks.run.request import Request, check_targets
from inkport.commands._deliver import deliver
from inkport.commands._device import HERE, DeviceOptions, kit_request, verify_on_devices
from inkport.commands._model import resolve_model
from inkport.commands._options import OutFolder, Threads
from inkport.commands._proof import check_proof
from inkport.commands._request import (
    audit_sources,
    calibrate,
    check_calibration,
    problems_of,
    provider,
    require_calibration,
    sample_lines,
)
from inkport.commands._skip import Skip
from inkport.commands._warn import warn_of_sharing
from inkport.core.console import json_for_stdout, results_only
from inkport.core.decoder import load_beam
from inkport.core.errors import UsageError
from inkport.core.target import load_targets
from inkport.lines.source import source_name


@results_only()
def verify(
    model: str | None = None,
    *,
    targets: Path | None = None,
    lines: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)] = (),
    out: OutFolder = Path("out/verify"),
    json_: Annotated[bool, Parameter(name="--json")] = False,
    threads: Threads = VerifyOptions.threads,
    latency_lines: int = VerifyOptions.latency_lines,
    skip: Skip = "",
    calibration: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)] = (),
    lm: Path | None = None,
    on: DeviceOptions = HERE,
) -> int:
    """Prove that ports of a model read the same text as the model, and measure how fast they are.

    Every target reads the same lines as the reference (torch in float32, or ONNX fp32 where there is no
    torch). Exit code 0: none regressed; 1: a target regressed or failed; 2: the request or its data is wrong;
    3: a required target is not available here.

    Args:
        model: A weights file, an artifact's directory, or the name of a shipped model; the shipped one if
            left out.
        targets: TOML file with one [[target]] table per target; every runtime that inkport knows if left out.
        lines: Line sets: Parquet files, TSV manifests, folders; the shipped sample lines if left out.
        out: Folder for report.json, report.md, report.html, and the exported artifacts, which the next run
            takes up again.
        json_: Print the report as JSON instead of the table.
        threads: Threads per target.
        latency_lines: Maximum number of lines timed per target; 0 skips the latency.
        skip: Problems whose lines are left out and counted, instead of refused.
        calibration: Line sets to calibrate int8 on: lines that the model was trained on.
        lm: Language model to decode all logits with: fr-en, which comes with inkport, or a file with the weights
            of `inkport lm tune` beside it.
        on: Other machines to verify the targets on, instead of this one.
    """
    options = VerifyOptions(threads=threads, latency_lines=latency_lines, skip=problems_of(skip))
    if lm and on.device:
        raise UsageError("--lm decodes on this machine, other machines return text", remedy="leave --lm out")
    if not on.device:
        warn_of_sharing(threads)
    # What a kit is made of unless told otherwise: most of the other rows are about this machine.
    shipped = "checks/kit/targets.toml" if on.device else "targets.toml"
    wanted = load_targets(targets or Path(str(files("inkport.benchmarks"))) / shipped)
    check_targets(wanted)
    work = out / "artifacts"
    artifact = resolve_model(model, work=work)
    sources = lines or (sample_lines(),)
    check_calibration(sources, calibration)
    if not calibration and not on.device:
        require_calibration(artifact, work, wanted)
    audit = audit_sources(artifact, sources, options.skip)
    chosen = calibrate(artifact, calibration, options.skip)
    check_proof(audit.lines, artifact, wanted, work=work, calibration=chosen, lm=lm)
    names = tuple(source_name(path) for path in sources)
    provide = provider(artifact, work, chosen)
    try:
        if on.device:
            report, read = verify_on_devices(
                on,
                kit_request(on, artifact, wanted, audit, provide),
                sources=names,
                settings=options,
                out=out,
                progress=terminal_progress(),
            )
        else:
            request = Request(
                model=artifact,
                targets=wanted,
                audit=audit,
                sources=names,
                provide=provide,
                options=options,
                beam=load_beam(lm, artifact),
            )
            report, read = run_harness(request, progress=terminal_progress()), tuple(audit.lines)
    finally:
        clear_progress()
    return deliver(
        json_for_stdout(report.to_json()) if json_ else render_text(present(report)),
        files=lambda: write_report(report, read, out),
        where=f"{out / 'report.html'} (also .md, .txt, .xml and .json)",
        code=report.exit_code,
    )
