"""The toy recogniser in every format that a built-in runtime opens, and the reference's logits for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from inkport.core.artifact import Artifact
from inkport.core.registry import open_session
from inkport.core.target import Precision
from inkport.export.plan import build
from inkport.export.quantize.calibration import choose_calibration
from inkport.lines.source import read_lines
from inkport.runtimes.logits import Golden


@pytest.fixture(scope="session")
def toy_golden(toy_artifact: Artifact) -> Golden:
    with open_session(toy_artifact, runtime="torch") as session:
        return Golden.record(toy_artifact.spec, session)


@pytest.fixture(scope="session")
def export_toy(
    toy_artifact: Artifact, toy_onnx: Artifact, lines_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, Precision], Artifact]:
    """Export the toy; stages that one format shares with another run once."""
    work = tmp_path_factory.mktemp("exports")
    calibration = choose_calibration(read_lines([lines_folder]), toy_artifact.spec.preprocess)

    def export(format: str, precision: Precision) -> Artifact:  # noqa: A002 - the artifact's field
        return build(
            toy_artifact, format=format, precision=precision, work=work, calibration=calibration, reuse=[toy_onnx]
        )

    return export
