"""``inkport diagnose operators``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from inkport.benchmarks.checks.debug.sections import present
from inkport.benchmarks.checks.debug.trace import DebugTarget, availability, debug_targets, not_traced, runtime_for
from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.report.files import write_views
from inkport.benchmarks.report.text import render_text
from inkport.benchmarks.run.record import TargetRecord
from inkport.commands._model import resolve_model
from inkport.commands._options import Json, OutFolder
from inkport.commands._output import deliver
from inkport.commands._ports import LINES, LineOptions
from inkport.commands._request import (
    audit_sources,
    calibrate,
    check_calibration,
    provider,
    refuse_made_by,
)
from inkport.core.artifact import SIDECAR, Artifact, load_artifact
from inkport.core.console import json_for_stdout, results_only
from inkport.core.errors import RuntimeUnavailableError, UsageError
from inkport.core.target import Precision, Target
from inkport.lines.audit import Audit
from inkport.lines.samples import sample_lines
from inkport.lines.source import source_name


USUAL = {"safetensors": "torch", "onnx": "onnxruntime", "openvino": "openvino", "coreml": "coreml-mil"}
"""Runtime that an artifact's directory is opened with, by format; ``runtime:directory`` names another."""

Build = Callable[[str, Precision], Artifact]
"""Returns the model in a format and precision, exporting what is missing."""


@results_only()
def operators(
    a: str,
    b: str,
    /,
    *,
    model: str | None = None,
    of: LineOptions = LINES,
    line: str | None = None,
    out: OutFolder = Path("out/operators"),
    json_: Json = False,
) -> int:
    """Find the first operator where two targets diverge by more than their precisions explain.

    Both are traced on one line. Each operator is computed again from what the target put into it, so an error
    shows where it is made. The first is written to --out as a model of one operator that shows it alone. Exit code
    0: no divergence; 1: a divergence; 2: the request or its data is wrong; 3: a target is not available here. A
    recogniser that returns text is not judged, which is no failure.

    Args:
        a: A target as RUNTIME:PRECISION (torch:fp32, onnxruntime:int8, openvino:bf16, coreml-mil:fp16,
            onnx-reference:fp32), an artifact's directory, or RUNTIME:DIRECTORY.
        b: The other target.
        model: A weights file, an artifact's directory, or the name of a shipped model, from which targets are made
            that name a precision; the shipped one if left out.
        of: Lines to take one from.
        line: Id of the line; one of medium width if left out.
        out: Folder for operators.json, its views (.html, .md, .txt, .xml), the reproduction, and the exported
            artifacts, which the next run takes up again.
        json_: Print the result as JSON instead of text.
    """
    if (reads := _reads_text(a, b, model)) is not None:
        return _refrain((a, b), reads, out=out, json=json_)
    problems = of.problems
    sources = of.lines or (sample_lines(),)
    check_calibration(sources, of.calibration)
    build = _builder(model, out / "artifacts", of.calibration, problems)
    targets = (_target(a, build), _target(b, build))
    graph = _graph(targets, build)
    for target in targets:
        if target.artifact.spec != graph.spec:
            raise UsageError(
                f"{target.label} is {target.artifact.spec.name} {target.artifact.spec.version}, "
                f"the graph is {graph.spec.name} {graph.spec.version}",
                remedy="name the model that both were made from with --model",
            )
    audit = audit_sources(graph, sources, problems)
    index = _choose(audit, line)
    refuse_made_by([audit.lines[index]], [target.artifact for target in targets])
    names = tuple(source_name(path) for path in sources)
    result = debug_targets(targets, graph, audit=audit.pick([index]), sources=names, out=out)
    return _deliver(result, out=out, json=json_)


def _reads_text(*names: str | None) -> Artifact | None:
    """Return the first recogniser among the named directories that returns text; its operators are its own affair."""
    for name in names:
        if name is not None and (folder := _directory(name)[1]) is not None and (folder / SIDECAR).is_file():
            artifact = load_artifact(folder)
            if artifact.spec.no_frames:
                return artifact
    return None


def _refrain(names: tuple[str, str], model: Artifact, *, out: Path, json: bool) -> int:
    """Say of both targets that they are not judged, and why; that is no failure."""
    targets = [
        TargetRecord.of(Target(name=name, runtime=_directory(name)[0], precision=model.precision)) for name in names
    ]
    result = not_traced(targets, model, reason=model.spec.no_frames)
    return _deliver(result, out=out, json=json)


def _deliver(result: Report, *, out: Path, json: bool) -> int:
    shown = present(result)
    return deliver(
        json_for_stdout(result.to_json()) if json else render_text(shown),
        files=lambda: write_views(shown, out, stem="operators", json=result.to_json()),
        where=f"{out / 'operators.html'} (also .md, .txt, .xml and .json)",
        code=result.exit_code,
    )


def _directory(text: str) -> tuple[str, Path | None]:
    """Return the runtime that a target names, and the artifact's directory, if it is one."""
    runtime, colon, rest = text.partition(":")
    if colon and (Path(rest) / SIDECAR).is_file():
        return runtime, Path(rest)
    folder = Path(text)
    if (folder / SIDECAR).is_file() or (folder.is_dir() and not colon):
        return "", folder
    return runtime if colon else "", None


def _builder(model: str | None, work: Path, calibration: tuple[Path, ...], problems: Sequence[str]) -> Build:
    """Return a function that resolves the model only when something has to be made from it."""

    def build(format: str, precision: Precision) -> Artifact:  # noqa: A002 - the artifact's field
        source = resolve_model(model, work=work)
        chosen = calibrate(source, calibration, problems)
        runtime = next(name for made, name in USUAL.items() if made == format)
        return provider(source, work, chosen)(Target(name=format, runtime=runtime, precision=precision))

    return build


def _target(text: str, build: Build) -> DebugTarget:
    chosen, folder = _directory(text)
    rest = text.partition(":")[2]
    if folder is not None:
        artifact = load_artifact(folder)
        chosen = chosen or USUAL.get(artifact.format, "")
        if not chosen:
            raise UsageError(f"{text}: no runtime traces {artifact.format}", remedy=f"formats: {', '.join(USUAL)}")
    elif rest in set(Precision):
        _require(chosen)
        artifact = build(runtime_for(chosen).formats[0], Precision(rest))
    else:
        raise UsageError(
            f"{text!r} is neither a target nor an artifact's directory",
            remedy=f"name a target as RUNTIME:PRECISION, the precision one of {', '.join(Precision)}",
        )
    _require(chosen)
    if artifact.format not in runtime_for(chosen).formats:
        raise UsageError(f"{text}: {chosen} opens {', '.join(runtime_for(chosen).formats)}, this is {artifact.format}")
    return DebugTarget(label=text, runtime=chosen, artifact=artifact)


def _require(runtime: str) -> None:
    runtime_for(runtime)
    if not (found := availability(runtime)).ok:
        raise RuntimeUnavailableError(f"runtime {runtime!r} cannot run here: {found.reason}", remedy=found.remedy)


def _graph(targets: tuple[DebugTarget, DebugTarget], build: Build) -> Artifact:
    """Return the ONNX artifact that says what is to be computed.

    A's own, or B's where A is the same graph quantized. Where A is not an ONNX file, one is made from the model: B's
    would judge itself.
    """
    onnx = [target.artifact for target in targets if target.artifact.format == "onnx"]
    exact = [artifact for artifact in onnx if artifact.precision is not Precision.INT8]
    if len(onnx) == 2:
        return (exact or onnx)[0]
    if exact and targets[0].artifact is exact[0]:
        return exact[0]
    return build("onnx", Precision.FP32)


def _choose(audit: Audit, line: str | None) -> int:
    if not audit.lines:
        raise UsageError("there is no line to trace", remedy="pass line sets with --lines")
    if line is None:
        widths = [image.shape[3] for image in audit.inputs]
        return sorted(range(len(widths)), key=lambda index: (widths[index], index))[len(widths) // 2]
    ids = [known.id for known in audit.lines]
    if line not in ids:
        raise UsageError(f"there is no line {line!r}", remedy=f"lines: {', '.join(ids[:5])}{', ...' * (len(ids) > 5)}")
    return ids.index(line)
