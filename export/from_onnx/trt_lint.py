"""What TensorRT's parser would refuse in an ONNX graph, told without TensorRT and without a GPU.

The operators and their data types are those that the parser's own documentation lists; ``trt_operators.json`` names
its address and the TensorRT release. Passing says that nothing documented stands against the graph; only a build on
a GPU proves it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


CHECKED_BY_VALUE = {"ConstantOfShape"}
"""Operators whose first input is a shape: the documented types are those of the output."""


@dataclass(frozen=True, kw_only=True)
class OperatorTable:
    """The documented operator support of one TensorRT release."""

    tensorrt: str
    """The release."""
    opset: tuple[int, int]
    """Oldest and newest operator set."""
    types: Mapping[str, frozenset[str]]
    """Supported operators of the default domain with the data types that they take."""
    unsupported: frozenset[str]
    """Operators that the documentation names as not supported."""


@cache
def operator_table() -> OperatorTable:
    """Return the committed table."""
    data = json.loads((files("inkport.export.from_onnx") / "trt_operators.json").read_text(encoding="utf-8"))
    return OperatorTable(
        tensorrt=data["tensorrt"],
        opset=(data["opset"][0], data["opset"][1]),
        types={name: frozenset(group["types"]) for group in data["supported"] for name in group["operators"]},
        unsupported=frozenset(data["unsupported"]),
    )


def lint_tensorrt(model: Any) -> tuple[str, ...]:
    """Return what TensorRT's documentation says against a graph, one sentence per kind of problem; empty if nothing.

    Args:
        model: An ``onnx.ModelProto`` with its weights inside.
    """
    table = operator_table()
    graph = _Graph(model)
    found: dict[str, list[str]] = defaultdict(list)
    first, last = table.opset
    for opset in model.opset_import:
        if opset.domain in {"", "ai.onnx"} and not first <= opset.version <= last:
            found[f"opset {opset.version} is outside {first}..{last}"] = []
    for node in _nodes(model.graph):
        for problem in _problems(node, graph, table):
            found[problem].append(node.name or node.output[0])
    return tuple(f"{problem}{_places(nodes)}" for problem, nodes in found.items())


def _places(nodes: list[str]) -> str:
    more = f" and {len(nodes) - 3} more" if len(nodes) > 3 else ""
    return f" (at {', '.join(nodes[:3])}{more})" if nodes else ""


def _problems(node: Any, graph: _Graph, table: OperatorTable) -> Iterator[str]:
    kind = node.op_type
    if node.domain not in {"", "ai.onnx"}:
        yield f"operator {node.domain}::{kind} is not one of ONNX itself"
        return
    if kind not in table.types:
        word = "not supported" if kind in table.unsupported else "unknown"
        yield f"operator {kind} is {word} in TensorRT {table.tensorrt}"
        return
    if node.input and kind not in CHECKED_BY_VALUE:
        type_ = graph.type_of(node.input[0])
        if type_ and type_ not in table.types[kind]:
            yield f"{kind} does not take {type_}"
    if kind in {"QuantizeLinear", "DequantizeLinear"} and len(node.input) > 2:
        yield from _quantization(node, graph)
    constant = [1] if kind.startswith("Reduce") or kind in {"Squeeze", "Unsqueeze", "CumSum"} else []
    for index in constant:
        if len(node.input) > index and node.input[index] and node.input[index] not in graph.constants:
            yield f"{kind} needs a constant for its input {index}"
    yield from _attributes(node, {attribute.name: attribute for attribute in node.attribute})


def _quantization(node: Any, graph: _Graph) -> Iterator[str]:
    zero = graph.constants.get(node.input[2])
    if zero is None or zero.any():
        yield f"{node.op_type} needs a zero point of 0"
    if node.op_type == "QuantizeLinear" and zero is not None and str(zero.dtype) == "uint8":
        yield "QuantizeLinear does not make UINT8"


def _attributes(node: Any, attributes: Mapping[str, Any]) -> Iterator[str]:
    kind = node.op_type
    if kind in {"LayerNormalization", "MaxPool"} and sum(bool(name) for name in node.output) > 1:
        yield f"{kind} has its first output only"
    if kind in {"AveragePool", "MaxPool"} and len(attributes["kernel_shape"].ints) not in {2, 3}:
        yield f"{kind} works in 2 or 3 dimensions only"
    if kind in {"AveragePool", "MaxPool", "LpPool"} and any(
        d != 1 for d in (attributes["dilations"].ints if "dilations" in attributes else ())
    ):
        yield f"{kind} takes no dilations"
    refused = {
        "Constant": {"sparse_value", "value_string", "value_strings"},
        "Attention": {"qk_matmul_output_mode", "softcap"},
    }.get(kind, set())
    for name in sorted(refused & attributes.keys()):
        yield f"{kind} takes no attribute {name}"
    wanted: tuple[tuple[str, str, object], ...] = (
        ("TopK", "sorted", 1),
        ("Resize", "antialias", 0),
        ("LSTM", "input_forget", 0),
        ("LSTM", "layout", 0),
    )
    for operator, name, value in wanted:
        if kind == operator and name in attributes and attributes[name].i != value:
            yield f"{kind} needs {name} = {value}"
    if kind == "ScatterND" and "reduction" in attributes and attributes["reduction"].s != b"none":
        yield "ScatterND takes no reduction"


class _Graph:
    """Constants and element types of a model, in TensorRT's names."""

    def __init__(self, model: Any) -> None:
        from onnx import numpy_helper, shape_inference

        self.constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        for node in model.graph.node:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                self.constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        shaped = shape_inference.infer_shapes(model).graph
        self._types = {tensor.name: tensor.data_type for tensor in shaped.initializer}
        for value in (*shaped.input, *shaped.output, *shaped.value_info):
            self._types[value.name] = value.type.tensor_type.elem_type

    def type_of(self, name: str) -> str:
        """Return a tensor's type as TensorRT's documentation writes it, empty if the graph does not tell."""
        from onnx import TensorProto

        written = {
            "FLOAT": "FP32",
            "FLOAT16": "FP16",
            "BFLOAT16": "BF16",
            # Cast down to FP32, the documentation says.
            "DOUBLE": "FP32",
            "UNDEFINED": "",
        }
        type_: str = TensorProto.DataType.Name(self._types.get(name, 0))
        return written.get(type_, type_)


def _nodes(graph: Any) -> Iterator[Any]:
    """Yield the nodes of a graph and of the graphs in its branches and loops."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            # ONNX says GRAPH = 5.
            if attribute.type == 5:
                yield from _nodes(attribute.g)
