"""``inkport quantize apply``, ``openvino``, ``sensitivity``, ``search`` and ``blank-bias``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from inkport.benchmarks.measure.gaps import PROBES
from inkport.benchmarks.run.progress import shown_progress
from inkport.commands._lines import LineSets
from inkport.commands._model import resolve_model
from inkport.commands._options import Assignments, Count, Most, OutArtifact, OutFile, Skip, Threads
from inkport.commands._request import (
    audit_sources,
    calibrate,
    check_calibration,
    first_lines,
    problems_of,
    refuse_tuning,
)
from inkport.core.artifact import Artifact
from inkport.core.config import parse_config
from inkport.core.errors import LineDataError, UsageError
from inkport.core.target import Precision
from inkport.export.plan import build
from inkport.export.quantize.calibration import CALIBRATION_LINES, CalibrationSet
from inkport.export.quantize.onnx_int8 import Int8Options, int8_onnx_from_onnx
from inkport.export.quantize.openvino_int8 import (
    AccuracyControl,
    OpenVinoInt8Options,
    ValidationSet,
    int8_openvino_from_onnx,
)
from inkport.export.quantize.qdq import saturation_warning
from inkport.export.quantize.search.blank_bias import correct_blank_bias
from inkport.export.quantize.search.meter import Meter
from inkport.export.quantize.search.scan_report import ScanReport, identify, known_rows, load_report, render_scan
from inkport.export.quantize.search.search import SearchOptions, search as search_mixed
from inkport.export.quantize.search.sensitivity import Grouping, Mode, find_groups, scan
from inkport.lines.audit import Audit
from inkport.lines.roles import refuse_test_lines
from inkport.train.overrides import parse_overrides


quantize = App(
    name="quantize",
    help="Make int8 artifacts, find the operators that int8 harms, and correct the bias of the blank.",
)

Search = Annotated[SearchOptions, Parameter(name="*")]


@quantize.command
def apply(
    model: str | None = None,
    /,
    *,
    calibration: LineSets,
    out: OutArtifact,
    calibration_lines: Count = CALIBRATION_LINES,
    skip: Skip = "",
    set_: Assignments = (),
) -> None:
    """Make an int8 ONNX artifact with settings of your own; `inkport export` makes the one with the default ones.

    Args:
        model: An ONNX artifact in fp32, or what it is exported from: a weights file or the name of a shipped model.
        calibration: Line sets that the ranges come from: lines of the training set, never test lines.
        out: The artifact's directory.
        calibration_lines: How many of their lines to use; the choice depends on the lines' ids alone.
        skip: Problems whose calibration lines are left out; only bad-image matters here.
        set_: Change what is quantized, and how: ranges, percentile, operators, keep_fp32, keep_nodes, per_channel,
            symmetric, reduce_range, as KEY=VALUE in TOML: `--set percentile=99.9 --set 'keep_fp32=["head"]'`.
    """
    options = _int8(set_)
    source = _onnx(model, out)
    _print(
        int8_onnx_from_onnx(
            source, out, calibration=_calibrate(source, calibration, calibration_lines, skip), options=options
        )
    )


@quantize.command
def openvino(
    model: str | None = None,
    /,
    *,
    calibration: LineSets,
    lines: LineSets,
    out: OutArtifact,
    max_drop: float = AccuracyControl.max_drop,
    ranking_lines: Count = AccuracyControl.ranking_lines,
    everything: bool = False,
    calibration_lines: Count = CALIBRATION_LINES,
    most_lines: Most = 0,
    skip: Skip = "",
) -> None:
    """Make an int8 OpenVINO artifact whose CER on validation lines is held: operators that do harm go back to fp32.

    Args:
        model: As in `apply`.
        calibration: As in `apply`.
        lines: Line sets of validation; never those that a result is reported on.
        out: The artifact's directory.
        max_drop: Most that the CER may rise above that of fp32, in points.
        ranking_lines: Validation lines on which operators are ranked.
        everything: Start with everything in int8 (depthwise convolutions never are), not with the usual parts in fp32.
        calibration_lines: As in `apply`.
        most_lines: Maximum number of lines per line set (the first ones); 0 for all.
        skip: Problems whose lines are left out and counted, instead of refused.
    """
    check_calibration(lines, calibration)
    source = _onnx(model, out)
    control = AccuracyControl(max_drop=max_drop, ranking_lines=ranking_lines)
    options = OpenVinoInt8Options(accuracy=control, keep_fp32=() if everything else OpenVinoInt8Options.keep_fp32)
    artifact = int8_openvino_from_onnx(
        source,
        out,
        calibration=_calibrate(source, calibration, calibration_lines, skip),
        options=options,
        validation=ValidationSet.of(_audit(source, lines, skip, most_lines)),
    )
    _print(artifact)
    found = artifact.provenance.options["accuracy"]
    sys.stdout.write(f"CER fp32 {found['cer_fp32']:.3%}, int8 {found['cer']:.3%}; back in fp32: {found['returned']}\n")


@quantize.command
def sensitivity(
    model: str | None = None,
    /,
    *,
    calibration: LineSets,
    lines: LineSets,
    out: OutFile = Path("out/sensitivity.json"),
    mode: Mode = Mode.ONLY,
    group: Grouping = Grouping.NODE,
    timed: bool = False,
    probes: Count = PROBES,
    calibration_lines: Count = CALIBRATION_LINES,
    most_lines: Most = 0,
    skip: Skip = "",
    threads: Threads = 1,
    set_: Assignments = (),
) -> None:
    """Measure the harm of every operator in int8, by CER and by gaps; an interrupted scan is taken up again.

    Args:
        model: As in `apply`.
        calibration: As in `apply`.
        lines: Line sets of validation; never those that a result is reported on.
        out: The report, in JSON; written after every operator.
        mode: Quantize each operator alone (only), or everything but it (all-but).
        group: Every operator by itself (node), or the parts of the network (part).
        timed: Time each too, on an otherwise idle machine; a search then weighs harm against time saved.
        probes: Lines that the forecast of flips learns from.
        calibration_lines: As in `apply`.
        most_lines: Maximum number of lines per line set (the first ones); 0 for all.
        skip: Problems whose lines are left out and counted, instead of refused.
        threads: Threads for the computation.
        set_: As in `apply`; what is quantized is the scan's own choice.
    """
    options = _int8(set_)
    check_calibration(lines, calibration)
    source = _onnx(model, out)
    meter = Meter(source, _audit(source, lines, skip, most_lines), probes=probes, threads=threads)
    chosen = _calibrate(source, calibration, calibration_lines, skip)
    identity = identify(
        source, meter, calibration=chosen.record, settings=options, mode=mode, grouping=group, timed=timed
    )

    def report(**found: object) -> ScanReport:
        return ScanReport(identity=identity, cer=meter.cer, **found)  # type: ignore[arg-type]

    with shown_progress() as progress:
        found = scan(
            source,
            calibration=chosen,
            options=options,
            meter=meter,
            groups=find_groups(source, group),
            mode=mode,
            timed=timed,
            known=known_rows(out, identity),
            save=lambda rows: report(rows=tuple(rows)).write(out),
            progress=progress,
        )
    report(rows=found.rows, everything=found.everything).write(out)
    sys.stdout.write(render_scan(found, len(meter.audit.lines)))
    sys.stderr.write(f"report: {out}\n")


@quantize.command
def search(
    model: str | None = None,
    /,
    *,
    sensitivity: Path,
    calibration: LineSets,
    lines: LineSets,
    out: OutArtifact,
    settings: Search = SearchOptions(),  # noqa: B008 - frozen
    calibration_lines: Count = CALIBRATION_LINES,
    most_lines: Most = 0,
    skip: Skip = "",
    threads: Threads = 1,
) -> None:
    """Make an int8 artifact in which as many operators stay in fp32 as the CER budget needs.

    Args:
        model: As in `apply`.
        sensitivity: The report of `sensitivity` on the same model; its settings are used here too.
        calibration: As in `apply`.
        lines: Line sets of validation; never those that a result is reported on.
        out: The artifact's directory.
        settings: The budget, and the order in which operators are tried.
        calibration_lines: As in `apply`.
        most_lines: Maximum number of lines per line set (the first ones); 0 for all.
        skip: Problems whose lines are left out and counted, instead of refused.
        threads: Threads for the computation.
    """
    check_calibration(lines, calibration)
    source = _onnx(model, out)
    report = load_report(sensitivity)
    if report.identity.model != source.digest:
        raise UsageError(f"{sensitivity}: the scan is of another model", remedy="scan this one first")
    meter = Meter(source, _audit(source, lines, skip, most_lines), probes=report.identity.probes, threads=threads)
    with shown_progress() as progress:
        artifact = search_mixed(
            source,
            out,
            calibration=_calibrate(source, calibration, calibration_lines, skip),
            options=report.identity.settings,
            meter=meter,
            sensitivity=report.scan,
            settings=settings,
            record={"sensitivity_sha256": report.sha256},
            progress=progress,
        )
    _print(artifact)
    found = artifact.provenance.options["search"]
    for step in found["steps"]:
        sys.stdout.write(f"{'fp32' if step['fp32'] else 'int8'}  {step['name']}: {step['why']}\n")
    sys.stdout.write(f"CER fp32 {found['cer_fp32']:.3%}, mixed {found['effect']['cer']:.3%}\n")


@quantize.command(name="blank-bias")
def blank_bias(
    artifact: Path,
    /,
    *,
    fp32: str | None = None,
    lines: LineSets,
    out: OutArtifact,
    most_lines: Most = 0,
    skip: Skip = "",
    threads: Threads = 1,
) -> None:
    """Choose an offset on the blank's logit by the CER on validation lines, and fold it into the head's bias.

    Args:
        artifact: The quantized ONNX artifact.
        fp32: The model that it was made from, as in `apply`.
        lines: Line sets of validation; never those that a result is reported on.
        out: The corrected artifact's directory.
        most_lines: Maximum number of lines per line set (the first ones); 0 for all.
        skip: Problems whose lines are left out and counted, instead of refused.
        threads: Threads for the computation.
    """
    quantized = resolve_model(str(artifact))
    if quantized.format != "onnx":
        raise UsageError(f"{artifact}: expected an ONNX artifact, found {quantized.format}")
    source = _onnx(fp32, out)
    if source.spec != quantized.spec:
        raise UsageError(f"{artifact} is not of this recogniser", remedy="name the model that it was made from: --fp32")
    audit = _audit(source, lines, skip, most_lines)
    refuse_tuning(audit.lines, quantized, name=str(artifact))
    meter = Meter(source, audit, probes=1, threads=threads)
    made, found = correct_blank_bias(quantized, out, meter=meter)
    _print(made)
    for name, rate, edits in (("before", found.cer_before, found.edits_before), ("after", found.cer, found.edits)):
        sys.stdout.write(
            f"{name:6s} CER {rate:.3%}: {edits.substitutions} substitutions, {edits.insertions} insertions, "
            f"{edits.deletions} deletions\n"
        )
    sys.stdout.write(f"offset {found.offset:+g}; on lines that it was not chosen on, CER {found.cer_held_out:.3%}\n")


def _int8(assignments: Sequence[str]) -> Int8Options:
    return parse_config(Int8Options, parse_overrides(assignments), where="--set")


def _onnx(model: str | None, out: Path) -> Artifact:
    work = out.parent
    source = resolve_model(model, work=work)
    if (source.format, source.precision) == ("onnx", Precision.FP32):
        return source
    return build(source, format="onnx", precision=Precision.FP32, work=work)


def _calibrate(source: Artifact, calibration: Sequence[Path], count: int, skip: str) -> CalibrationSet:
    chosen = calibrate(source, calibration, problems_of(skip), count=count)
    if chosen is None:
        raise LineDataError("no line to calibrate on", remedy="pass line sets with --calibration")
    return chosen


def _audit(source: Artifact, lines: Sequence[Path], skip: str, most_lines: int) -> Audit:
    audit = audit_sources(source, lines, problems_of(skip))
    audit.lines[:] = refuse_test_lines(audit.lines, purpose="a choice by CER")
    refuse_tuning(audit.lines, source, name=str(source.path))
    return first_lines(audit, most_lines)


def _print(artifact: Artifact) -> None:
    size = f"{artifact.bytes / 1e6:.2f} MB"
    sys.stdout.write(f"{artifact.path}  {artifact.format}  {artifact.precision}  {size}  {artifact.digest}\n")
    if warning := saturation_warning(artifact):
        sys.stderr.write(f"warning: {warning}\n")
