"""What targets make of the machine: operations counted in the graph, and their rate against the peaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from inkport.benchmarks.measure.width_cost import Curve
from inkport.benchmarks.run.peaks import Peaks
from inkport.benchmarks.run.request import Provide
from inkport.core.errors import DataError, InkportError
from inkport.core.target import Precision, Target
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


def count_operations(model: Path, *, height: int, width: int, planes: int = 1) -> Operations:
    """Count what a line of ``width`` pixels takes.

    Only the operators that multiply matrices count; what is done element by element fits between them.

    Args:
        model: An ONNX file in floating point, whose only input is (n, planes, h, w).
        height: Height of the input, in pixels.
        width: Width of the input, in pixels.
        planes: Channels of the input.

    Raises:
        ArtifactCorruptError: If the file cannot be read.
        DataError: If the shape of an operand does not follow from the input's.
        ModuleNotFoundError: If onnx is not installed.
    """
    import onnx

    graph = load_onnx(model, values=False)
    try:
        axes = graph.graph.input[0].type.tensor_type.shape.dim
        for dimension, size in zip(axes, (1, planes, height, width), strict=True):
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


BYTES = {Precision.FP32: 4, Precision.FP16: 2, Precision.BF16: 2, Precision.INT8: 1}
"""Bytes per operand; weights of the others are expanded before use."""


@dataclass(frozen=True, kw_only=True)
class Efficiency:
    """What a target makes of the machine at one width, by the fitted time."""

    width_px: int
    """The width."""
    macs: int
    """Multiply-accumulates of a line, counted in the fp32 ONNX graph."""
    gmac_per_s: float
    """Billions of them per second."""
    of_peak: float | None
    """Share of the peak measured in its precision; absent where that was not measured."""
    gb_per_s: float
    """Operands of these operators, each once, in billions of bytes per second."""
    of_bandwidth: float | None
    """Share of the copy rate; above 1 where the caches serve what memory need not."""


def operations_at(widths: Sequence[int], provide: Provide) -> dict[int, Operations]:
    """Count the operations of a line at each width, in the model's fp32 ONNX graph.

    Args:
        widths: Widths, in pixels.
        provide: Returns the artifact of a target.

    Returns:
        By width; empty where there is no such graph, onnx is not installed, or a shape does not follow.
    """
    try:
        artifact = provide(Target(name="operations", runtime="onnxruntime", precision=Precision.FP32))
        pre, file = artifact.spec.preprocess, Path(artifact.file(".onnx"))
        return {w: count_operations(file, height=pre.height, width=w, planes=pre.planes) for w in sorted(set(widths))}
    except (InkportError, ModuleNotFoundError):
        return {}


def efficiency(
    curve: Curve | None, operations: dict[int, Operations], precision: Precision, peaks: Peaks | None
) -> list[Efficiency]:
    """Relate a target's fitted times to the operations at each width, and to the peaks.

    Args:
        curve: Its times.
        operations: By width.
        precision: What it computes in.
        peaks: The machine's, if they were measured.
    """
    if curve is None:
        return []
    peak = peaks.compute.get(str(precision)) if peaks else None
    found = []
    for width, count in operations.items():
        seconds = curve.cost.time_ms(width) / 1e3
        gmac, gb = count.macs / seconds / 1e9, count.elements * BYTES.get(precision, 4) / seconds / 1e9
        found.append(
            Efficiency(
                width_px=width,
                macs=count.macs,
                gmac_per_s=gmac,
                of_peak=gmac / peak.gmac_per_s if peak else None,
                gb_per_s=gb,
                of_bandwidth=gb / peaks.copy_gb_per_s if peaks else None,
            )
        )
    return found
