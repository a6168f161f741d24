"""How much a model computes at a width: multiply-accumulates and operands, counted in its ONNX graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from inkport.core.errors import DataError
from inkport.runtimes.onnx_graph import load_onnx


Shapes = Mapping[str, tuple[int, ...]]
"""Shape of each tensor, by name; a tensor whose shape is not known is absent."""


@dataclass(frozen=True, kw_only=True)
class Operations:
    """What one run of one line takes."""

    macs: int
    """Multiply-accumulates of convolutions, matrix products and recurrent layers."""
    elements: int
    """Numbers that those operators read and write, weights included, as if each went through memory once."""


def count_operations(model: Path, *, height: int, width: int) -> Operations:
    """Count what a line of ``width`` pixels takes.

    Only the operators that multiply matrices count; what is done element by element fits between them.

    Args:
        model: An ONNX file in floating point, whose only input is (n, 1, h, w).
        height: Height of the input, in pixels.
        width: Width of the input, in pixels.

    Raises:
        ArtifactCorruptError: If the file cannot be read.
        DataError: If the shape of an operand does not follow from the input's.
        ModuleNotFoundError: If onnx is not installed.
    """
    import onnx

    graph = load_onnx(model, values=False)
    try:
        for dimension, size in zip(graph.graph.input[0].type.tensor_type.shape.dim, (1, 1, height, width), strict=True):
            dimension.Clear()
            dimension.dim_value = size
        inferred = onnx.shape_inference.infer_shapes(graph, strict_mode=True, data_prop=True).graph
    except Exception as error:
        raise DataError(f"{model.name}: its shapes do not follow from the input's ({error})") from error
    shapes = _shapes(inferred)
    macs = elements = 0
    for node in inferred.node:
        if node.op_type in COUNTERS:
            operands = [name for name in (*node.input, *node.output[:1]) if name]
            if unknown := [name for name in operands if name not in shapes]:
                raise DataError(f"{model.name}: the shape of {unknown[0]} ({node.op_type} {node.name}) is not known")
            macs += COUNTERS[node.op_type](node, shapes)
            elements += sum(prod(shapes[name]) for name in operands)
    return Operations(macs=macs, elements=elements)


def _shapes(graph: Any) -> Shapes:
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        sizes = value.type.tensor_type.shape.dim
        if all(size.HasField("dim_value") for size in sizes):
            shapes[value.name] = tuple(size.dim_value for size in sizes)
    return shapes


def _convolution(node: Any, shapes: Shapes) -> int:
    # Weights (out, in / group, *kernel): each output takes one product per weight of its channel.
    return prod(shapes[node.output[0]]) * prod(shapes[node.input[1]][1:])


def _product(node: Any, shapes: Shapes) -> int:
    return prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]


def _general_product(node: Any, shapes: Shapes) -> int:
    transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    return prod(shapes[node.output[0]]) * shapes[node.input[0]][0 if transposed else 1]


def _recurrent(node: Any, shapes: Shapes) -> int:
    # Weights (directions, gates * hidden, input) and recurrence (directions, gates * hidden, hidden), per step.
    steps, batch = shapes[node.input[0]][:2]
    return steps * batch * (prod(shapes[node.input[1]]) + prod(shapes[node.input[2]]))


COUNTERS: Mapping[str, Callable[[Any, Shapes], int]] = {
    "Conv": _convolution,
    "Gemm": _general_product,
    "GRU": _recurrent,
    "LSTM": _recurrent,
    "MatMul": _product,
}
"""How many multiply-accumulates an operator takes."""
