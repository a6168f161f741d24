"""``inkport.verify``, ``inkport.export``, ``inkport.compare``: what the commands do, with the records of reports."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from inkport.api.reading import StrPath
from inkport.benchmarks.checks.compare.document import read_report
from inkport.benchmarks.checks.compare.judge import Comparison, Tolerance, compare_runs
from inkport.benchmarks.checks.verify import verify as run_verify
from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.run.request import VerifyOptions
from inkport.commands._model import resolve_model
from inkport.commands._ports import TargetOptions
from inkport.commands._request import calibrate, decoding_with, prepare_request
from inkport.core.artifact import Artifact
from inkport.core.errors import UsageError
from inkport.core.scratch import scratch
from inkport.core.target import Target
from inkport.export.plan import build, stage_named


def verify(
    model: StrPath | None = None,
    *,
    lines: Sequence[StrPath] = (),
    targets: StrPath | Sequence[str] | None = None,
    calibration: Sequence[StrPath] = (),
    threads: int = VerifyOptions.threads,
    latency_lines: int = VerifyOptions.latency_lines,
    skip: Sequence[str] = (),
    lm: StrPath | None = None,
    out: StrPath | None = None,
) -> Report:
    """Prove that ports of a model read the same text as the model, as `inkport verify` does.

    Args:
        model: A weights file, an artifact's directory, one of these on the hub (``hf://user/model``), or the name of
            a shipped model; convtext-tiny if None.
        lines: Line sets, on the hub too (``hf://datasets/user/set/lines.parquet``); the shipped sample lines if empty.
        targets: TOML file with one [[target]] table per target, or targets by name, such as ["onnxruntime:int8"];
            every runtime that inkport knows if None.
        calibration: Line sets that int8 takes its ranges from, where it must be made.
        threads: Threads per target.
        latency_lines: Most lines timed per target; 0 skips the latency.
        skip: Problems whose lines are left out and counted, instead of refused.
        lm: Language model to decode all logits with.
        out: Folder that exported artifacts are kept in, for the next call; a temporary one if None.

    Returns:
        The record that report.json holds: ``report.exit_code``, ``report.targets``, ``report.to_json()``.

    Raises:
        InkportError: If the request or its data is wrong; see `inkport verify`.
    """
    options = VerifyOptions(threads=threads, latency_lines=latency_lines, skip=tuple(skip))
    with ExitStack() as stack:
        folder = stack.enter_context(scratch("verify")) if out is None else Path(out)
        request = prepare_request(
            None if model is None else os.fspath(model),
            targets=_targets(targets),
            lines=[Path(path) for path in lines],
            calibration=[Path(path) for path in calibration],
            options=options,
            out=folder,
            lm=None if lm is None else Path(lm),
        )
        return run_verify(decoding_with(request, None if lm is None else Path(lm)))


def _targets(given: StrPath | Sequence[str] | None) -> tuple[Target, ...]:
    if given is None or isinstance(given, str | os.PathLike):
        return TargetOptions(targets=None if given is None else Path(given)).chosen()
    return TargetOptions(target=tuple(given)).chosen()


def export(
    model: StrPath | None = None,
    *,
    to: str = "onnx-fp32",
    out: StrPath,
    calibration: Sequence[StrPath] = (),
    widths: Sequence[int] = (),
) -> Artifact:
    """Make an artifact from trained weights, as `inkport export` does; what is already there is not made again.

    Args:
        model: See ``verify``.
        to: What to make, as FORMAT-PRECISION.
        out: Folder that the artifact's folder is made in.
        calibration: Line sets that int8 takes its ranges from: lines of the training set, never test lines.
        widths: Image widths in pixels, for formats that enumerate them.

    Returns:
        The artifact: ``artifact.path``, ``artifact.digest``.

    Raises:
        UsageError: If there is no such model, or ``to`` is nothing that inkport exports.
        InkportError: If it cannot be made; see `inkport export`.
    """
    format_, precision = stage_named(to)
    source = resolve_model(None if model is None else os.fspath(model), work=Path(out))
    chosen = calibrate(source, [Path(path) for path in calibration], ())
    return build(source, format=format_, precision=precision, work=Path(out), calibration=chosen, widths=tuple(widths))


def compare(
    before: StrPath,
    after: StrPath,
    *,
    max_cer: float | None = Tolerance.max_cer,
    max_slower: float = Tolerance.max_slower,
    allow_other_data: bool = False,
) -> Comparison:
    """Say what changed between two reports, as `inkport compare` does.

    Args:
        before: The baseline's report.json.
        after: The report.json that is compared with it.
        max_cer: CER increase that is tolerated, as a rate; each target's own margin if None.
        max_slower: Share by which a target may become slower, on top of the machine's noise.
        allow_other_data: Compare reports of different lines, without judging the CER.

    Returns:
        The record that compare.json holds: ``comparison.exit_code``, ``comparison.to_json()``.

    Raises:
        DataError: If one is no report, or they cannot be compared.
        UsageError: If a tolerance is out of range.
    """
    if max_slower < 0 or (max_cer is not None and max_cer < 0):
        raise UsageError(f"max_cer={max_cer}, max_slower={max_slower}: neither may be negative")
    tolerance = Tolerance(max_cer=max_cer, max_slower=max_slower)
    first, second = read_report(Path(before)), read_report(Path(after))
    return compare_runs(first, second, tolerance=tolerance, allow_other_data=allow_other_data)
