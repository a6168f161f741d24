"""The toy recogniser in every format, exported once per run."""

from __future__ import annotations

from pathlib import Path

import pytest

from inkport.core.artifact import Artifact
from inkport.export.quantize.calibration import CalibrationSet, choose_calibration
from inkport.lines.source import read_lines


@pytest.fixture(scope="session")
def toy_calibration(toy_artifact: Artifact, lines_folder: Path) -> CalibrationSet:
    return choose_calibration(read_lines([lines_folder]), toy_artifact.spec.preprocess, count=4)


@pytest.fixture(scope="session")
def toy_int8(toy_onnx: Artifact, toy_calibration: CalibrationSet, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    from inkport.export.quantize.onnx_int8 import int8_onnx_from_onnx

    return int8_onnx_from_onnx(toy_onnx, tmp_path_factory.mktemp("toy-int8") / "onnx-int8", calibration=toy_calibration)


@pytest.fixture(scope="session")
def toy_openvino(toy_onnx: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    from inkport.export.from_onnx.openvino_ir import openvino_from_onnx

    return openvino_from_onnx(toy_onnx, tmp_path_factory.mktemp("toy-openvino") / "openvino-fp32")
