"""``inkport kit make``, ``inkport kit run`` and ``inkport kit check``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from cyclopts import App

from inkport.benchmarks.checks.kit.check import check_kit
from inkport.benchmarks.checks.kit.make import KitOptions, make_kit
from inkport.benchmarks.checks.kit.runner import run_kit
from inkport.benchmarks.checks.kit.sections import present
from inkport.benchmarks.report.files import write_views
from inkport.benchmarks.report.text import render_text
from inkport.benchmarks.run.kit.open import Kit, open_kit, open_result
from inkport.benchmarks.run.progress import shown_progress
from inkport.benchmarks.run.request import Request
from inkport.commands._model import resolve_model
from inkport.commands._options import Json, OutFile, OutFolder, Seconds, Threads
from inkport.commands._output import deliver
from inkport.commands._ports import KIT_TARGETS, TARGETS, TargetOptions
from inkport.commands._request import audit_sources, calibrate, check_calibration, check_proof, provider
from inkport.core.child import TIMEOUT_S
from inkport.core.console import json_for_stdout, results, results_only
from inkport.core.errors import UsageError
from inkport.lines.samples import sample_lines


kit = App(name="kit", help="Pack a model with everything that proves a port, run it anywhere, and judge the result.")


@kit.command
@results_only()
def make(
    model: str | None = None,
    /,
    *,
    ports: TargetOptions = TARGETS,
    out: OutFile = Path("out/kit/model.inkport-kit.zip"),
    most_lines: int = KitOptions.lines,
    golden: int = KitOptions.golden,
    sign: Path | None = None,
) -> None:
    """Write one archive, secured by digests: artifacts, lines, golden values of every stage, budgets and digests.

    Prints the kit's digest. The same model, lines and options give the same digest.

    Args:
        model: A weights file, an artifact's directory, or the name of a shipped model; the shipped one if
            left out.
        ports: Targets, ONNX in fp32 and int8 if left out, and lines to choose from.
        out: The archive; exported artifacts are kept in the folder "artifacts" beside it.
        most_lines: Most lines in the kit, chosen so that they have the widths of all.
        golden: How many of them have golden values of every stage.
        sign: PEM file of an Ed25519 private key to sign the kit with.
    """
    wanted = ports.chosen(KIT_TARGETS)
    work = out.parent / "artifacts"
    artifact = resolve_model(model, work=work)
    sources = ports.lines or (sample_lines(),)
    check_calibration(sources, ports.calibration)
    chosen = calibrate(artifact, ports.calibration, ports.problems)
    audit = audit_sources(artifact, sources, ports.problems)
    check_proof(audit.lines, artifact, wanted, work=work, calibration=chosen)
    request = Request(
        model=artifact,
        targets=wanted,
        audit=audit,
        provide=provider(artifact, work, chosen),
        options=KitOptions(lines=most_lines, golden=golden),
    )
    with shown_progress() as progress:
        made = make_kit(request, out, key=sign, progress=progress)
    results().write(f"{out}  {_size(made)}  {made.digest}\n")


@kit.command
@results_only()
def run(
    kit: Path,
    /,
    *,
    runtime: str | None = None,
    runner: str | None = None,
    target: str | None = None,
    device: str | None = None,
    threads: Threads = 1,
    timeout: Seconds = TIMEOUT_S,
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
        timeout: Maximum seconds for one answer of the runner.
        out: The archive to write.
        public_key: PEM file of the Ed25519 key that must have signed the kit.
    """
    opened = open_kit(kit, public_key=public_key)
    # On stderr: what the command prints is for programs.
    sys.stderr.write(f"kit {opened.digest[:12]}: {opened.signature.sentence()}\n")
    with shown_progress() as progress:
        result = run_kit(
            opened,
            out,
            target=target,
            runtime=runtime,
            runner=_command(runner),
            device=device,
            threads=threads,
            timeout_s=timeout,
            progress=progress,
        )
    shown = ", ".join(result.document.shown)
    results().write(f"{out}  {result.document.target}  {len(opened.lines)} lines  {shown}\n")


@kit.command
@results_only()
def check(
    kit: Path,
    result: Path,
    /,
    *,
    json_: Json = False,
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
