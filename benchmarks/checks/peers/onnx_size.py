"""How much an ONNX file holds, and how much it computes."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


LEAST = 16
"""Smallest constant that counts: shapes, axes and scales of whole tensors are no weights."""
CONVOLUTIONS = {"Conv": 1, "ConvInteger": 1, "QLinearConv": 3}
"""Operators that convolve, and which of their inputs is the filters, (outputs, inputs per group, *taps)."""
PRODUCTS = frozenset({"MatMul", "MatMulInteger", "QLinearMatMul", "Gemm"})
"""Operators that multiply matrices; they sum over the last axis of their first input, unless that is transposed."""
UNCOUNTED = frozenset({"ConvTranspose", "DeformConv", "LSTM", "GRU", "RNN", "Einsum", "If", "Loop", "Scan"})
"""Operators that multiply and accumulate too, in ways that are not counted here; those of other domains may."""


def count_parameters(file: Path) -> int:
    """Return the number of values in a model's weights; scales and zero points of int8 count too."""
    import onnx

    graph = onnx.load(str(file), load_external_data=False).graph
    sizes = [prod(tensor.dims) for tensor in graph.initializer]
    sizes += [
        prod(attribute.t.dims)
        for node in graph.node
        if node.op_type == "Constant"
        for attribute in node.attribute
        if attribute.name == "value"
    ]
    return sum(size for size in sizes if size >= LEAST)


def count_macs(file: Path, images: npt.NDArray[np.float32]) -> int | None:
    """Return the multiply-accumulates of a model's convolutions and matrix products on an input.

    The model runs once in ONNX Runtime, which tells the shapes of what these operators take and give.

    Args:
        file: A model with one input.
        images: The input.

    Returns:
        The count, or None if the model holds operators whose multiply-accumulates are not counted here.
    """
    import onnx

    model = onnx.load(str(file))
    nodes = model.graph.node
    if any(node.op_type in UNCOUNTED or node.domain not in {"", "ai.onnx"} for node in nodes):
        return None
    wanted = [node for node in nodes if node.op_type in CONVOLUTIONS or node.op_type in PRODUCTS]
    shapes = _shapes(model, {name for node in wanted for name in (_factor(node), node.output[0])}, images)
    return sum(prod(shapes[node.output[0]]) * _depth(node, shapes[_factor(node)]) for node in wanted)


def _factor(node: Any) -> str:
    """Return the name of the input whose shape says how many products are summed per output."""
    return str(node.input[CONVOLUTIONS.get(node.op_type, 0)])


def _depth(node: Any, shape: tuple[int, ...]) -> int:
    if node.op_type in CONVOLUTIONS:
        return prod(shape[1:])
    transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    return shape[0] if transposed else shape[-1]


def _shapes(model: Any, names: set[str], images: npt.NDArray[np.float32]) -> Mapping[str, tuple[int, ...]]:
    """Return the shapes of values of a graph on an input."""
    import onnx
    import onnxruntime

    found = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    asked = sorted(names - found.keys() - {value.name for value in model.graph.input})
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in asked)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0].name
    values = session.run(asked, {entry: images})
    return found | {entry: images.shape} | {name: np.shape(value) for name, value in zip(asked, values, strict=True)}
