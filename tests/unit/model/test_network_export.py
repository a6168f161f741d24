"""Published forms export to ONNX with dynamic batch and width, the recurrent one to ONNX's own LSTM."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


torch = pytest.importorskip("torch", reason="networks are torch")
onnx = pytest.importorskip("onnx", reason="the exporter needs onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="the exported graph runs in ONNX Runtime")

from inkport.core.artifact import Artifact, Provenance, load_artifact, new_artifact  # noqa: E402
from inkport.core.charset import Charset  # noqa: E402
from inkport.core.spec import RecogniserSpec  # noqa: E402
from inkport.core.target import Precision  # noqa: E402
from inkport.export.from_torch.onnx_fp32 import onnx_from_safetensors  # noqa: E402
from inkport.model.weights import Weights, deploy_tensors, load_weights, save_weights  # noqa: E402
from inkport.model.zoo import find  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("networks")


def artifact(toy: Any, folder: Any) -> Artifact:
    charset = Charset(tuple(" abcdeé"))
    spec = RecogniserSpec(
        name=toy.name, version="toy", preprocess=toy.preprocess, charset=charset, stride=find(toy.name).stride
    )
    tensors = deploy_tensors(toy.network(charset.size))
    weights = Weights(spec=spec, config=toy.overrides, provenance={}, tensors=tensors)
    made = Provenance(stage="train")
    with new_artifact(folder, spec=spec, format="safetensors", precision=Precision.FP32, provenance=made) as draft:
        save_weights(draft / "weights.safetensors", weights)
    return load_artifact(folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["convtext", "crnn", "htr-vt", "ppocr-small"])
def test_one_graph_reads_every_batch_and_width(make_toy, folder, rng, name):
    source = artifact(make_toy(name), folder / name)
    exported = onnx_from_safetensors(source, folder / f"{name}-onnx")
    network = load_weights(source.file(".safetensors")).network()
    session = onnxruntime.InferenceSession(exported.file(".onnx"))
    for batch, width in ((1, 32), (1, 48), (3, 112), (2, 512)):
        images = rng.random((batch, 1, source.spec.preprocess.height, width), dtype=np.float32)
        with torch.inference_mode():
            wanted = network(torch.from_numpy(images)).numpy()
        found = session.run(["logits"], {"images": images})[0]
        np.testing.assert_allclose(found, wanted, atol=1e-4 * max(1.0, float(np.abs(wanted).max())))
    graph = onnx.load(exported.file(".onnx")).graph
    kinds = [node.op_type for node in graph.node]
    assert [dim.dim_param for dim in graph.output[0].type.tensor_type.shape.dim][:2] == ["n", "t"]
    assert "BatchNormalization" not in kinds
    assert kinds.count("LSTM") == (2 if name == "crnn" else 0)
    # Weights reach the LSTM as constants: converters look for them there.
    constants = {tensor.name for tensor in graph.initializer}
    assert all(set(node.input[1:4]) <= constants for node in graph.node if node.op_type == "LSTM")
