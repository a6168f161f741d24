"""Whole readers as one ONNX file, and engines that run them."""

from __future__ import annotations

from functools import cache
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest

from inkport.core.artifact import bundled_artifacts
from inkport.core.preprocess import to_bytes
from inkport.export.from_onnx.onnx_app import onnx_app_from_onnx
from inkport.lines.samples import sample_lines
from inkport.lines.source import read_lines


ENGINES = ("onnxruntime", "openvino")
SIZES = ((8, 8), (8, 40), (9, 31), (30, 1024), (47, 90), (48, 300), (49, 50), (120, 2000), (200, 97), (200, 2000))
"""Rows and columns of pictures that shrink, stay and grow, evenly and not."""


def ort(model):
    """Run an ONNX file or its bytes in ONNX Runtime: inputs by name in, outputs by name out."""
    onnxruntime = pytest.importorskip("onnxruntime")
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    return lambda feeds: dict(zip(names, session.run(names, feeds), strict=True))


def openvino(model):
    """The same in OpenVINO, told to compute in float32."""
    ov = pytest.importorskip("openvino")
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    core = ov.Core()
    compiled = core.compile_model(core.read_model(model), "CPU", settings)

    def run(feeds):
        results = compiled(feeds)
        return {name: np.array(results[output]) for output in compiled.outputs for name in output.get_names()}

    return run


RUN = {"onnxruntime": ort, "openvino": openvino}


@pytest.fixture(scope="session", params=ENGINES)
def load(request):
    """What loads a model into an engine, each file once: compiling takes longer than all that is read."""
    return cache(RUN[request.param])


def made_of(network, folder):
    """Return a network's artifact and that of the whole reader made of it."""
    return SimpleNamespace(network=network, app=onnx_app_from_onnx(network, folder / f"onnx-app-{network.precision}"))


@pytest.fixture(scope="session")
def fp32(toy_onnx, tmp_path_factory):
    """The toy in fp32."""
    return made_of(toy_onnx, tmp_path_factory.mktemp("fp32"))


@pytest.fixture(scope="session")
def int8(tmp_path_factory):
    """The shipped model in int8."""
    return made_of(bundled_artifacts()[0], tmp_path_factory.mktemp("int8"))


@pytest.fixture(scope="session", params=["fp32", "int8"])
def reader(request):
    """The toy in fp32, and the shipped model in int8."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def pictures():
    """Sample lines and noise of many sizes, gray and in colour: uint8 (h, w, 1) and (h, w, 3)."""
    rng = np.random.default_rng(5)
    lines = [to_bytes(line.pixels()) for line in islice(read_lines([sample_lines()]), 3, None, 25)]
    made = [line[..., None] for line in lines]
    made += [np.stack([line, 255 - line // 2, line // 2 + 100], axis=-1) for line in lines[::3]]
    made += [rng.integers(0, 256, (*size, channels), np.uint8) for size in SIZES for channels in (1, 3)]
    return made


@pytest.fixture(scope="session")
def ort_session():
    """What loads a model into ONNX Runtime."""
    return ort
