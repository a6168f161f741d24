from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx.reference import ReferenceEvaluator

import inkport.export.from_torch.onnx_fp32 as exporter
from inkport.core.artifact import Artifact, load_artifact
from inkport.core.errors import ExportError
from inkport.core.target import Precision
from inkport.model.weights import load_weights


@pytest.mark.parametrize(("batch", "width"), [(1, 32), (1, 48), (2, 208), (3, 112), (1, 640)])
def test_torch_onnx_runtime_and_the_onnx_reference_agree(toy_artifact, toy_onnx, rng, batch, width):
    images = rng.random((batch, 1, 48, width), dtype=np.float32)
    with torch.inference_mode():
        wanted = load_weights(toy_artifact.file(".safetensors")).network()(torch.from_numpy(images)).numpy()
    path = toy_onnx.file(".onnx")
    in_runtime = onnxruntime.InferenceSession(path).run(["logits"], {"images": images})[0]
    in_reference = ReferenceEvaluator(str(path)).run(["logits"], {"images": images})[0]
    assert wanted.shape == (batch, width // 4, toy_artifact.spec.charset.size)
    # Sums in another order: about 1e-6 here.
    np.testing.assert_allclose(in_runtime, wanted, atol=2e-5)
    np.testing.assert_allclose(in_reference, wanted, atol=2e-5)


def test_exporting_twice_gives_the_same_bytes_and_says_nothing(toy_artifact, toy_onnx, tmp_path, capfd):
    again = exporter.onnx_from_safetensors(toy_artifact, tmp_path / "again")
    assert again.files == toy_onnx.files
    assert capfd.readouterr() == ("", "")


def test_the_artefact_is_one_file_that_names_its_origin(toy_artifact, toy_onnx):
    assert set(toy_onnx.files) == {"model.onnx"}
    assert (toy_onnx.format, toy_onnx.precision, toy_onnx.spec) == ("onnx", Precision.FP32, toy_artifact.spec)
    provenance = toy_onnx.provenance
    assert (provenance.root, provenance.parent) == (toy_artifact.digest, toy_artifact.digest)
    assert {"inkport", "torch", "onnx"} <= set(provenance.tools)


def test_the_file_holds_neither_this_machine_nor_the_training_head(toy_onnx):
    data = toy_onnx.file(".onnx").read_bytes()
    for text in (str(Path(exporter.__file__).parents[2]), str(Path.home()), ".py", "stack_trace"):
        assert text.encode() not in data, text
    names = {tensor.name for tensor in onnx.load_from_string(data).graph.initializer}
    assert "head.bias" in names
    assert not {name for name in names if name.startswith("shortcut")}


def test_the_graph_is_folded_and_only_batch_and_width_vary(toy_onnx):
    graph = onnx.load(toy_onnx.file(".onnx")).graph
    assert "BatchNormalization" not in {node.op_type for node in graph.node}
    shapes = {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output)
    }
    assert shapes == {"images": ["n", 1, 48, "w"], "logits": ["n", "t", toy_onnx.spec.charset.size]}


@pytest.fixture
def earlier(toy_onnx: Artifact, tmp_path: Path) -> Artifact:
    """An artifact that is there before an export fails."""
    folder = tmp_path / "onnx-fp32"
    folder.mkdir()
    for file in toy_onnx.path.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return load_artifact(folder)


def test_a_graph_that_computes_something_else_is_refused(toy_artifact, earlier, monkeypatch):
    def damaged(*_):
        model = onnx.load(earlier.file(".onnx"))
        weight = next(tensor for tensor in model.graph.initializer if tensor.name == "cnn.1.0.weight")
        values = onnx.numpy_helper.to_array(weight) * np.float32(1.01)
        weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
        return model

    monkeypatch.setattr(exporter, "_converted", damaged)
    with pytest.raises(ExportError, match="differ from the source"):
        exporter.onnx_from_safetensors(toy_artifact, earlier.path)
    assert load_artifact(earlier.path).files == earlier.files


def test_a_converter_that_gives_up_is_one_sentence_and_leaves_the_old_artefact(toy_artifact, earlier, monkeypatch):
    def fails(*_):
        raise RuntimeError("no rule for aten::frobnicate\nand twenty lines of trace")

    monkeypatch.setattr(exporter, "_converted", fails)
    with pytest.raises(ExportError) as caught:
        exporter.onnx_from_safetensors(toy_artifact, earlier.path)
    assert caught.value.message.endswith("no rule for aten::frobnicate")
    assert load_artifact(earlier.path).files == earlier.files
