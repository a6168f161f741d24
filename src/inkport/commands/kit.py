"""``inkport kit make``, ``inkport kit run`` and ``inkport kit check``."""

from __future__ import annotations

import shlex
import sys
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from inkport.benchmarks.checks.kit.check import check_kit
from inkport.benchmarks.checks.kit.make import KitOptions, make_kit
from inkport.benchmarks.checks.kit.runner import run_kit
from inkport.benchmarks.checks.kit.sections import present
from inkport.benchmarks.report.files import write_views
from inkport.benchmarks.report.text import render_text
from inkport.benchmarks.run.kit.open import Kit, open_kit, open_result
from inkport.benchmarks.run.progress import clear_progress, terminal_progress
from inkport.benchmarks.run.request import Request
from inkport.commands._model import resolve_model
from inkport.commands._options import OutFile, OutFolder, Seconds, Skip, Threads
from inkport.commands._output import deliver
from inkport.commands._request import (
    audit_sources,
    calibrate,
    check_calibration,
    check_proof,
    problems_of,
    provider,
    sample_lines,
)
from inkport.core.child import TIMEOUT_S
from inkport.core.console import json_for_stdout, results, results_only
from inkport.core.errors import UsageError
from inkport.core.target import load_targets


kit = App(name="kit", help="Lock a model with its proof into one archive, run it anywhere, and judge the results.")


@kit.command
@results_only()
def make(
    model: str | None = None,
    *,
    out: OutFile = Path("out/kit/model.inkport-kit.zip"),
    targets: Path | None = None,
    lines: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)] = (),
    count: int = KitOptions.lines,
    golden: int = KitOptions.golden,
    skip: Skip = "",
    calibration: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)] = (),
    sign: Path | None = None,
) -> None:
    """Write one archive, secured by digests: artifacts, lines, golden values of every stage, budgets and digests.

    Prints the kit's digest. The same model, lines and options give the same digest.

    Args:
        model: A weights file, an artifact's directory, or the name of a shipped model; the shipped one if
            left out.
        out: The archive; exported artifacts are kept in the folder "artifacts" beside it.
        targets: TOML file with one [[target]] table per target; ONNX in fp32 and int8 if left out.
        lines: Line sets to choose from: Parquet files, TSV manifests, folders; the shipped sample lines if left out.
        count: Most lines in the kit, chosen so that they have the widths of all.
        golden: How many of them have golden values of every stage.
        skip: Problems whose lines are left out and counted, instead of refused.
        calibration: Line sets to calibrate int8 on: lines that the model was trained on.
        sign: PEM file of an Ed25519 private key to sign the kit with.
    """
    wanted = load_targets(targets or Path(str(files("inkport.benchmarks.checks.kit"))) / "targets.toml")
    work = out.parent / "artifacts"
    artifact = resolve_model(model, work=work)
    sources = lines or (sample_lines(),)
    check_calibration(sources, calibration)
    chosen = calibrate(artifact, calibration, problems_of(skip))
    audit = audit_sources(artifact, sources, problems_of(skip))
    check_proof(audit.lines, artifact, wanted, work=work, calibration=chosen)
    request = Request(
        model=artifact,
        targets=wanted,
        audit=audit,
        provide=provider(artifact, work, chosen),
        options=KitOptions(lines=count, golden=golden),
    )
    try:
        made = make_kit(request, out, key=sign, progress=terminal_progress())
    finally:
        clear_progress()
    results().write(f"{out}  {_size(made)}  {made.digest}\n")


@kit.command
@results_only()
def run(
    kit: Path,
    *,
    runtime: str | None = None,
    runner: str | None = None,
    target: str | None = None,
    device: str | None = None,
    threads: Threads = 1,
    timeout_s: Seconds = TIMEOUT_S,
    out: OutFile = Path("out/kit/result.zip"),
    public_key: Path | None = None,
) -> None:
    """Read every line of a kit with a runtime, or with a program of your own, and write the result.

    Args:
        kit: The archive.
        runtime: A name of `inkport runtimes`; the target's own if left out.
        runner: A command that speaks docs/child-protocol.md, in any language, instead of a runtime.
        target: Name of a target in the kit; the first one that the runtime opens if left out.
        device: A device name of the runtime or the runner; the target's if left out.
        threads: Threads of the computation.
        timeout_s: Maximum seconds for one answer of the runner.
        out: The archive to write.
        public_key: PEM file of the Ed25519 key that must have signed the kit.
    """
    opened = open_kit(kit, public_key=public_key)
    # On stderr: what the command prints is for programs.
    sys.stderr.write(f"kit {opened.digest[:12]}: {opened.signature.sentence()}\n")
    try:
        result = run_kit(
            opened,
            out,
            target=target,
            runtime=runtime,
            runner=_command(runner),
            device=device,
            threads=threads,
            timeout_s=timeout_s,
            progress=terminal_progress(),
        )
    finally:
        clear_progress()
    shown = ", ".join(result.document.shown)
    results().write(f"{out}  {result.document.target}  {len(opened.lines)} lines  {shown}\n")


@kit.command
@results_only()
def check(
    kit: Path,
    result: Path,
    *,
    json_: Annotated[bool, Parameter(name="--json")] = False,
    public_key: Path | None = None,
    out: OutFolder | None = None,
) -> int:
    """Judge a result on any machine: which stage first went wrong, and whether the text is within its budget.

    Exit code 0: all well; 1: a stage is wrong or the budget is exceeded; 2: the kit or the result is damaged, or the
    result is of another kit.

    Args:
        kit: The archive that the result is of.
        result: What `inkport kit run` or a runner wrote.
        json_: Print the judgement as JSON.
        public_key: PEM file of the Ed25519 key that must have signed the kit.
        out: Write check.json and its views (.html, .md, .txt, .xml) into this folder, too.
    """
    found = check_kit(open_kit(kit, public_key=public_key), open_result(result))
    shown = present(found)

    def write() -> None:
        if out is not None:
            write_views(shown, out, stem="check", json=found.to_json())

    text = json_for_stdout(found.to_json()) if json_ else render_text(shown)
    return deliver(text, files=write, code=found.exit_code)


def _command(text: str | None) -> list[str]:
    try:
        words = shlex.split(text or "")
    except ValueError as error:
        raise UsageError(f"--runner {text!r}: not a command ({error})") from error
    if text is not None and not words:
        raise UsageError("--runner is empty", remedy="name a program")
    return words


def _size(made: Kit) -> str:
    return f"{made.path.stat().st_size / 1e6:.1f} MB"
