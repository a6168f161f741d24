"""The toy recogniser in every format, exported once per run."""

from __future__ import annotations

import pytest

from inkport.core.artifact import Artifact


@pytest.fixture(scope="session")
def toy_openvino(toy_onnx: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    from inkport.export.from_onnx.openvino_ir import openvino_from_onnx

    return openvino_from_onnx(toy_onnx, tmp_path_factory.mktemp("toy-openvino") / "openvino-fp32")
