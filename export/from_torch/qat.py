"""Which tensors of an ONNX graph the sites of quantization-aware training are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import nn

from inkport.core.errors import ExportError
from inkport.core.spec import RecogniserSpec


TOLERANCE = 1e-5
"""Largest difference of two weights of one layer, as a share of the largest: the exporter may fold in another order."""


def ranges_in_graph(
    ranges: Mapping[str, tuple[float, ...]], network: nn.Module, model: onnx.ModelProto, spec: RecogniserSpec
) -> dict[str, tuple[float, ...]]:
    """Name ranges after the tensors of the graph that a network was exported to.

    Layers are paired with nodes in the order in which they run; that each pair has the same weights is checked.

    Args:
        ranges: By site, ``layer:in`` or ``layer:out`` (``inkport.train.qat_sites``).
        network: What was exported, in evaluation mode, batch norms folded.
        model: The graph, in fp32.
        spec: The recogniser.

    Raises:
        ExportError: If a site's layer is not in the graph.
    """
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = [node for node in model.graph.node if _weight(node) in weights]
    layers = _layers(network, spec)
    if len(nodes) != len(layers):
        raise ExportError(f"qat: the graph has {len(nodes)} nodes with weights, the network {len(layers)} layers")
    pairs = dict(zip(layers, nodes, strict=True))
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    found: dict[str, tuple[float, ...]] = {}
    for site, ends in ranges.items():
        layer, _, end = site.rpartition(":")
        if layer not in pairs:
            raise ExportError(f"qat: the exported graph has no layer {layer!r}, which has a learned range")
        node = pairs[layer]
        _require_same(layer, layers[layer], onnx.numpy_helper.to_array(weights[_weight(node)]), node.op_type)
        found[node.input[0] if end == "in" else _end_of(node, readers)] = ends
    return found


def _weight(node: onnx.NodeProto) -> str:
    return node.input[1] if node.op_type in {"Conv", "MatMul", "Gemm"} else ""


def _layers(network: nn.Module, spec: RecogniserSpec) -> dict[str, npt.NDArray[np.float32]]:
    """Return the weights of convolutions and linear layers in the order in which they run."""
    order: dict[str, npt.NDArray[np.float32]] = {}
    hooks = []
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear):

            def note(module: Any, _inputs: Any, name: str = name) -> None:
                order[name] = module.weight.detach().numpy()

            hooks.append(module.register_forward_pre_hook(note))
    with torch.inference_mode():
        network(torch.zeros(1, 1, spec.preprocess.height, spec.preprocess.min_width))
    for hook in hooks:
        hook.remove()
    return order


def _require_same(layer: str, wanted: Any, found: Any, operator: str) -> None:
    found = found if operator == "Conv" else found.T
    if wanted.shape != found.shape or not np.allclose(found, wanted, rtol=0, atol=TOLERANCE * np.abs(wanted).max()):
        raise ExportError(f"qat: {layer} and the node of its turn in the exported graph have different weights")


def _end_of(node: onnx.NodeProto, readers: Mapping[str, list[onnx.NodeProto]]) -> str:
    """Return the result of a convolution, or that of the ReLU which alone reads it."""
    name: str = node.output[0]
    after = readers.get(name, [])
    return after[0].output[0] if len(after) == 1 and after[0].op_type == "Relu" else name
