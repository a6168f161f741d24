"""The finder as ONNX: it computes what torch does at every size, and int8 stays near it."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from inkport.core.errors import ExportRequestError
from inkport.export.from_torch.finder_onnx import finder_onnx
from inkport.export.quantize.finder_int8 import int8_finder
from inkport.model.finder import Finder


@pytest.fixture(scope="module")
def network() -> Finder:
    torch.manual_seed(3)
    network = Finder()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            # Statistics that folding cannot ignore.
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2.0)
    return network.eval()


@pytest.fixture(scope="module")
def fp32(network) -> bytes:
    return finder_onnx(network)


def run(graph: bytes, page: np.ndarray) -> list[np.ndarray]:
    return onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"]).run(
        ["maps", "turns"], {"page": page}
    )


def pages(rng, *sizes):
    return [rng.random((1, 1, *size), np.float32) for size in sizes]


def test_it_computes_what_torch_does_at_every_size(network, fp32, rng):
    for page in pages(rng, (32, 32), (64, 416), (320, 96)):
        with torch.inference_mode():
            wanted = network(torch.from_numpy(page))
        for one, other in zip(wanted, run(fp32, page), strict=True):
            assert np.abs(one.numpy() - other).max() < 1e-3


def test_batch_norms_are_folded(fp32):
    assert not any(node.op_type == "BatchNormalization" for node in onnx.load_from_string(fp32).graph.node)


def test_int8_is_a_quarter_and_near(fp32, rng):
    calibration = pages(rng, (96, 128), (128, 96))
    graph = int8_finder(fp32, calibration)
    assert len(graph) < len(fp32) / 3
    assert graph == int8_finder(fp32, calibration)
    assert {tensor.data_type for tensor in onnx.load_from_string(graph).graph.initializer} >= {onnx.TensorProto.INT8}
    (page,) = pages(rng, (160, 224))
    for one, other in zip(run(fp32, page), run(graph, page), strict=True):
        assert np.sqrt(np.mean((one - other) ** 2)) < 0.1 * one.std()


def test_ranges_need_pages(fp32):
    with pytest.raises(ExportRequestError, match="no pages"):
        int8_finder(fp32, [])
