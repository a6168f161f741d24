"""``inkport export``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from inkport.commands._lines import LineSets
from inkport.commands._model import names_model, resolve_model
from inkport.commands._options import NAME_IT_FIRST, Count, OutFolder, Skip, Words
from inkport.commands._request import calibrate, problems_of
from inkport.core.artifact import Artifact
from inkport.core.errors import UsageError
from inkport.export.plan import build, stage_named, takes_widths
from inkport.export.quantize.calibration import CALIBRATION_LINES
from inkport.export.quantize.qdq import saturation_warning


def export(
    model: str | None = None,
    /,
    *,
    to: Words = ("onnx-fp32", "openvino-fp32", "onnx-int8"),
    calibration: LineSets = (),
    calibration_lines: Count = CALIBRATION_LINES,
    skip: Skip = "",
    widths: Annotated[tuple[int, ...], Parameter(consume_multiple=True)] = (),
    out: OutFolder = Path("exported"),
) -> None:
    """Make artifacts from trained weights, one directory each; what is already there is not made again.

    Prints path, format, precision, size and digest of each. docs/export.md says what each stage does.

    Args:
        model: A weights file of `inkport train run`, an artifact's directory, or the name of a shipped model; the
            shipped convtext-tiny if left out.
        to: What to make, as FORMAT-PRECISION.
        calibration: Line sets that int8 takes its ranges from: Parquet files, TSV manifests, folders. Lines of
            the training set, never test lines.
        calibration_lines: How many of their lines to use; the choice depends on the lines' ids alone.
        skip: Problems whose calibration lines are left out; only bad-image matters here.
        widths: Image widths in pixels for formats that enumerate them: `--widths 256 512 1024 2048` for coreml (the
            Neural Engine needs it) and litert. Such artifacts are made again, even where others are there.
        out: Folder for the artifacts.
    """
    if swallowed := next((name for name in to if names_model(Path(name))), None):
        raise UsageError(f"{swallowed} is a model, and --to has taken it", remedy=NAME_IT_FIRST)
    wanted = [stage_named(name) for name in to]
    source = resolve_model(model, work=out)
    if widths and not any(takes_widths(source, target) for target in wanted):
        raise UsageError(f"--widths: none of {', '.join(to)} enumerates widths", remedy="leave --widths out")
    chosen = calibrate(source, calibration, problems_of(skip), count=calibration_lines)
    for format_, precision in wanted:
        artifact = build(source, format=format_, precision=precision, work=out, calibration=chosen, widths=widths)
        sys.stdout.write(_row(artifact))
        sys.stdout.flush()
        if warning := saturation_warning(artifact):
            sys.stderr.write(f"warning: {warning}\n")


def _row(artifact: Artifact) -> str:
    size = f"{artifact.bytes / 1e6:.2f} MB"
    return f"{artifact.path}  {artifact.format}  {artifact.precision}  {size}  {artifact.digest}\n"
