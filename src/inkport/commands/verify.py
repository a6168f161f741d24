"""``inkport verify``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from inkport.benchmarks.files import write_report
from inkport.benchmarks.harness import Request, check_targets, verify as run_harness
from inkport.benchmarks.progress import clear_progress, terminal_progress
from inkport.benchmarks.report import Options
from inkport.benchmarks.views.text import render_text
from inkport.commands._model import resolve_model
from inkport.core.artifact import Artifact
from inkport.core.bundle import bundled_artifact
from inkport.core.errors import ArtifactNotFoundError, UsageError
from inkport.core.registry import load_runtime
from inkport.core.target import Target, load_targets
from inkport.export.calibration import CalibrationSet, choose_calibration
from inkport.export.plan import build
from inkport.lines.audit import Audit, Problem, audit_lines
from inkport.lines.source import read_lines


def verify(
    model: str | None = None,
    *,
    targets: Path | None = None,
    lines: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)] = (),
    out: Path = Path("out/verify"),
    json_: Annotated[bool, Parameter(name="--json")] = False,
    threads: int = Options.threads,
    latency_lines: int = Options.latency_lines,
    skip: str = "",
    calibration: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)] = (),
) -> int:
    """Prove that ports of a model read the same text as the model, and measure how fast they are.

    Every target reads the same lines as the reference (torch in float32, or ONNX fp32 where there is no
    torch). Exit code 0: none regressed; 1: a target regressed or failed; 2: the request or its data is wrong;
    3: a required target is not available here.

    Args:
        model: A weights file, an artefact's directory, or the name of a shipped model; the shipped one if
            left out.
        targets: TOML file with one [[target]] table per target; every runtime that inkport knows if left out.
        lines: Line sets: Parquet files, TSV manifests, folders; the shipped sample lines if left out.
        out: Folder for report.json, report.md, report.html, and the exported artefacts, which the next run
            takes up again.
        json_: Print the report as JSON instead of the table.
        threads: Threads that every target computes with.
        latency_lines: Most lines timed per target; 0 leaves the latency out.
        skip: Problems whose lines are left out and counted, instead of refused, separated by commas:
            bad-image, empty-text, unknown-symbol, too-few-frames.
        calibration: Line sets to calibrate int8 on: lines that the model was trained on.
    """
    options = _options(threads, latency_lines, skip)
    wanted = load_targets(targets or Path(str(files("inkport.benchmarks"))) / "targets.toml")
    check_targets(wanted)
    work = out / "artifacts"
    artifact = resolve_model(model, work=work)
    sources = lines or (_sample_lines(),)
    _check_calibration(sources, calibration)
    audit = _audit(artifact, sources, options)
    chosen = choose_calibration(read_lines(calibration), artifact.spec.preprocess) if calibration else None
    request = Request(
        model=artifact,
        targets=wanted,
        audit=audit,
        sources=tuple(path.name for path in sources),
        provide=_provider(artifact, work, chosen),
        options=options,
    )
    try:
        report = run_harness(request, progress=terminal_progress())
    finally:
        clear_progress()
    write_report(report, audit.lines, out)
    sys.stdout.write(report.to_json() if json_ else render_text(report))
    sys.stderr.write(f"report: {out / 'report.html'} (also .md and .json)\n")
    return report.exit_code


def _options(threads: int, latency_lines: int, skip: str) -> Options:
    names = tuple(name.strip() for name in skip.split(",") if name.strip())
    if unknown := sorted(set(names) - set(Problem)):
        raise UsageError(f"--skip {','.join(unknown)}: no such problem", remedy=f"problems: {', '.join(Problem)}")
    try:
        return Options(threads=threads, latency_lines=latency_lines, skip=names)
    except ValueError as error:
        raise UsageError(
            f"--threads {threads} --latency-lines {latency_lines}: threads must be at least 1, lines at least 0"
        ) from error


def _audit(artifact: Artifact, sources: Sequence[Path], options: Options) -> Audit:
    spec = artifact.spec
    return audit_lines(
        read_lines(sources),
        charset=spec.charset,
        preprocess=spec.preprocess,
        stride=spec.stride,
        skip=[Problem(name) for name in options.skip],
    )


def _check_calibration(sources: Sequence[Path], calibration: Sequence[Path]) -> None:
    """Refuse to calibrate on the lines that are to prove the result."""
    verified = {path.resolve() for path in sources}
    if shared := [path for path in calibration if path.resolve() in verified]:
        raise UsageError(
            f"{shared[0]} is both in --lines and in --calibration: an artefact must not be calibrated on its proof",
            remedy="calibrate on lines that the model was trained on",
        )


def _sample_lines() -> Path:
    manifest = Path(str(files("inkport.benchmarks"))) / "samples" / "lines.tsv"
    if not manifest.is_file():
        raise UsageError("this build of inkport ships no sample lines", remedy="pass line sets with --lines")
    return manifest


def _provider(model: Artifact, work: Path, calibration: CalibrationSet | None) -> Callable[[Target], Artifact]:
    try:
        reuse: tuple[Artifact, ...] = (bundled_artifact(),)
    except ArtifactNotFoundError:
        reuse = ()

    def provide(target: Target) -> Artifact:
        return build(
            model,
            format=load_runtime(target.runtime).formats[0],
            precision=target.precision,
            work=work,
            calibration=calibration,
            reuse=reuse,
        )

    return provide
