"""ONNX files from anywhere: values only from the model's own folder, and damage is our error."""

from __future__ import annotations

import os

import numpy as np
import pytest


onnx = pytest.importorskip("onnx", reason="reads ONNX")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from inkport.core.errors import ArtifactCorruptError  # noqa: E402
from inkport.runtimes.onnx_graph import load_onnx  # noqa: E402


@pytest.fixture
def write(tmp_path):
    """Returns a function that writes a model whose weights lie in another file, and returns its path."""
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(np.full(4, 7, "<f4").tobytes())
    (folder / "weights.bin").write_bytes(np.arange(4, dtype="<f4").tobytes())
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")

    def write(location: str, length: int = 16):
        tensor = numpy_helper.from_array(np.zeros(4, np.float32), "w")
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", "0"), ("length", str(length))):
            tensor.external_data.add(key=key, value=value)
        inputs, outputs = ([helper.make_tensor_value_info(name, TensorProto.FLOAT, [4])] for name in "xy")
        graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", inputs, outputs, [tensor])
        (folder / "model.onnx").write_bytes(helper.make_model(graph).SerializeToString())
        return folder / "model.onnx"

    return write


def test_values_are_taken_from_the_folder(write):
    (weights,) = load_onnx(write("weights.bin")).graph.initializer
    np.testing.assert_array_equal(numpy_helper.to_array(weights), [0, 1, 2, 3])


@pytest.mark.parametrize("location", ["../secret.bin", "link.bin", "/etc/passwd", "none.bin", ""])
def test_values_are_taken_from_nowhere_else(write, location):
    with pytest.raises(ArtifactCorruptError, match=r"model\.onnx: onnx cannot read it"):
        load_onnx(write(location))


def test_damage_is_named(write, tmp_path):
    whole = write("weights.bin")
    data = whole.read_bytes()
    for damaged in (b"\xff" * 20, data[:-5], data.replace(b"Add", b"A\xffd")):
        whole.write_bytes(damaged)
        with pytest.raises(ArtifactCorruptError, match=r"model\.onnx: onnx cannot read it"):
            load_onnx(whole)
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises(ArtifactCorruptError, match="a pipe, not a file"):
        load_onnx(tmp_path / "pipe.onnx")
