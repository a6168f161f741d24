"""ONNX in fp32, with dynamic batch and width: the hub from which other formats are made."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import nn

from inkport.core.artifact import Artifact, load_artifact
from inkport.core.errors import ExportError
from inkport.core.spec import RecogniserSpec
from inkport.core.target import Precision
from inkport.export.agreement import require_agreement
from inkport.export.from_torch.network import fold_batch_norms, torch_forward
from inkport.export.graph import onnx_forward, portable_bytes
from inkport.export.quantize.calibration import find_learned_ranges, learned_options
from inkport.export.quiet_converter import failing, quiet_logger
from inkport.export.record import derived_artifact
from inkport.model.weights import load_weights


STAGE = "onnx_from_safetensors"
OPSET = 18
"""The exporter's own opset; to others it converts afterwards, and older runtimes know this one."""


def onnx_from_safetensors(source: Artifact, out: Path) -> Artifact:
    """Export weights to one ONNX file; equal weights and tools give equal bytes.

    Batch norms are folded into their convolutions, the auxiliary training head is not in the graph, and
    nothing in the file names the machine that made it. Ranges that training learned are handed on in the provenance.

    Args:
        source: A safetensors artifact.
        out: The artifact's directory; replaced if it is there.

    Raises:
        ExportError: If the converter fails, or the graph's logits differ from torch's.
    """
    weights = load_weights(source.file(".safetensors"))
    network = weights.network()
    folded = fold_batch_norms(network)
    with failing(STAGE, source.path, ours=ExportError):
        model = _converted(folded, source.spec)
        data = portable_bytes(model)
        run_onnx = onnx_forward(data, source.spec)

    require_agreement(STAGE, source.spec, torch_forward(network), run_onnx)
    found = find_learned_ranges(weights.provenance)
    if found is not None:
        found = replace(found, ranges=ranges_in_graph(found.ranges, folded, model, source.spec))
    with derived_artifact(
        out,
        source,
        stage=STAGE,
        format="onnx",
        precision=Precision.FP32,
        tools=("torch", "onnx", "onnxscript", "onnxruntime"),
        options={"opset": OPSET} | learned_options(found),
    ) as folder:
        (folder / "model.onnx").write_bytes(data)
    return load_artifact(out)


def _converted(network: nn.Module, spec: RecogniserSpec) -> onnx.ModelProto:
    pre = spec.preprocess
    multiple = torch.export.Dim("w", min=pre.min_width // pre.width_multiple, max=pre.max_width // pre.width_multiple)
    # Neither size of the example is 1 or the smallest allowed: torch would take such a size for a constant.
    example = torch.zeros(2, 1, pre.height, pre.min_width + pre.width_multiple)
    with _quiet():
        program = torch.onnx.export(
            network,
            (example,),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("n"), 3: pre.width_multiple * multiple},),
            opset_version=OPSET,
            input_names=[spec.input.name],
            output_names=[spec.output.name],
            verbose=False,
        )
    assert program is not None  # noqa: S101 - None only where the exporter writes the file itself
    model = program.model_proto
    for value, tensor in ((model.graph.input[0], spec.input), (model.graph.output[0], spec.output)):
        for dim, name in zip(value.type.tensor_type.shape.dim, tensor.shape, strict=True):
            if not dim.HasField("dim_value"):
                dim.dim_param = name
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what the exporter says about itself, and nothing else."""
    # It misses torchvision's operators, which no recogniser uses.
    with quiet_logger("torch.onnx._internal.exporter._registration"), warnings.catch_warnings():
        # It copies trees with a class that torch itself deprecates.
        warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)
        yield


TOLERANCE = 1e-5
"""Largest difference of two weights of one layer, as a share of the largest: the exporter may fold in another order."""


def ranges_in_graph(
    ranges: Mapping[str, tuple[float, ...]], network: nn.Module, model: onnx.ModelProto, spec: RecogniserSpec
) -> dict[str, tuple[float, ...]]:
    """Name ranges after the tensors of the graph that a network was exported to.

    Layers are paired with nodes in the order in which they run; that each pair has the same weights is checked.

    Args:
        ranges: By site, ``layer:in`` or ``layer:out`` (``inkport.train.qat_graph``).
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
