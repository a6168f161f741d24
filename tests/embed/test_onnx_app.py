"""A whole reader in one ONNX file: all sample lines and awkward files, in ONNX Runtime and OpenVINO, fp32 and int8."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkport.core.image import load_pixels
from inkport.core.preprocess import to_bytes
from inkport.export.app.check import difference, expect
from inkport.export.app.interface import IMAGE, OUTPUTS
from inkport.export.bundle.pictures import KINDS
from inkport.export.from_onnx.onnx_app import onnx_app_from_onnx


def in_onnxruntime(model, outputs):
    onnxruntime = pytest.importorskip("onnxruntime")
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])
    return lambda feeds: session.run(outputs, feeds)


def in_openvino(model, outputs):
    ov = pytest.importorskip("openvino")
    core = ov.Core()
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    compiled = core.compile_model(core.read_model(model), "CPU", settings)

    def run(feeds):
        found = compiled(feeds)
        return [np.array(found[compiled.output(name)]) for name in outputs]

    return run


@pytest.fixture(params=["fp32", "int8"])
def network(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def app(network, tmp_path):
    return onnx_app_from_onnx(network, tmp_path / "app")


@pytest.mark.parametrize("engine", [in_onnxruntime, in_openvino])
def test_all_lines_and_awkward_files_are_read_as_by_the_network_alone(engine, network, app, lines, tmp_path):
    spec = network.spec
    alone = engine(network.file(".onnx"), [spec.output.name])
    whole = engine(app.file(".onnx"), list(OUTPUTS))
    count = 0
    for picture in [*samples(lines), *awkward(lines, tmp_path)]:
        expected = expect(picture, spec, lambda images: alone({spec.input.name: images})[0])
        found = dict(zip(OUTPUTS, whole({IMAGE: picture}), strict=True))
        assert difference(found, expected) == "", (count, picture.shape)
        count += 1
    assert count >= 300 + 6 * len(KINDS)


def samples(lines):
    """Yield the sample lines, every other in three channels that are not equal."""
    for index, line in enumerate(lines):
        gray = to_bytes(line.pixels())
        yield np.stack([gray, 255 - gray // 2, gray // 2 + 100], axis=-1) if index % 2 else gray[..., None]


def awkward(lines, folder):
    """Yield files of every kind as an application decodes them: photographs and inks in colour, others gray."""
    for name, kind in KINDS.items():
        for line in lines[::50]:
            file = folder / f"{name}{Path(kind.file).suffix}"
            file.write_bytes(kind.encode(to_bytes(line.pixels())))
            coloured = name in {"photo", "colour"}
            yield np.asarray(Image.open(file).convert("RGB")) if coloured else to_bytes(load_pixels(file))[..., None]
