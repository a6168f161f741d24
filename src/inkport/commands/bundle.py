"""``inkport bundle``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from inkport.commands._model import resolve_model
from inkport.commands._options import OutFolder, Skip
from inkport.commands._request import problems_of
from inkport.core.artifact import Artifact, bundled_artifacts, find_lm
from inkport.core.scratch import scratch
from inkport.core.target import Precision
from inkport.export.bundle.bundle import BundleRequest, make_bundle
from inkport.export.bundle.specification import SUFFIXES
from inkport.export.plan import build
from inkport.lines.problem import Problem
from inkport.lines.samples import sample_lines
from inkport.lines.source import read_lines


def bundle(
    model: str | None = None,
    *,
    for_: Annotated[str, Parameter(name="--for")],
    lm: Path | None = None,
    lines: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)] = (),
    skip: Skip = "",
    out: OutFolder = Path("out/bundle"),
) -> None:
    """Write all that an application needs of a model into one folder: docs/embed says how to use it.

    Model, specification, golden values of every stage, licence and attribution, sources, digests, and a README whose
    commands end with the text of a line.

    Args:
        model: An artifact's directory, a weights file (which is exported to ONNX in fp32), or the name of a shipped
            model; the int8 artifact that comes with inkport if left out.
        for_: Platform whose sources come along: cpp, web, android, ios or python.
        lm: Language model to bring along: fr-en, which comes with inkport, or a file with the weights of
            `inkport lm tune` beside it.
        lines: Line sets to make golden values of: Parquet files, TSV manifests, folders; the shipped sample lines if
            left out.
        skip: Problems whose lines are left out; only bad-image matters here.
        out: The folder; an older bundle there is replaced.
    """
    artifact = bundled_artifacts()[0] if model is None else resolve_model(model)
    with scratch("bundle") as work:
        request = BundleRequest(
            model=_bundled_format(artifact, work),
            platform=for_,
            lines=read_lines(lines or (sample_lines(),)),
            lm=None if lm is None else find_lm(lm),
            skip_bad_images=Problem.BAD_IMAGE in problems_of(skip),
        )
        make_bundle(request, out)
    sys.stdout.write(f"{out}\n")


def _bundled_format(artifact: Artifact, work: Path) -> Artifact:
    """Return the artifact itself if its format can be bundled, else the same weights in ONNX."""
    if artifact.format in SUFFIXES:
        return artifact
    return build(artifact, format="onnx", precision=Precision.FP32, work=work)
