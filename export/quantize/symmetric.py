"""int8 ONNX in the only form that TensorRT takes: signed, zero point 0, biases in fp32.

ONNX Runtime's x86 form has unsigned activations with a zero point and int32 biases. TensorRT's parser takes neither
(``trt_operators.json``), so the same ranges are rewritten: a range ``low..high`` becomes ``-a..a`` with ``a`` the
larger of both ends. A range on one side of 0 has then half as many steps, which is the price of the form. ONNX
Runtime's quantizer leaves out a Relu where a range that begins at 0 cuts off what is below; it comes back here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from inkport.core.errors import ExportError


LARGEST = {"uint8": 255, "int8": 127}
"""Largest quantized value; int8 is symmetric here, so that -128 stays unused."""


def symmetric_model(model: Any) -> Any:
    """Return a copy of a QDQ model with signed activations around 0 and without int32 biases.

    Args:
        model: An ``onnx.ModelProto`` as ``int8_onnx_from_onnx`` makes it.

    Raises:
        ExportError: If a pair's scale or zero point is not a constant, or its type is neither uint8 nor int8.
    """
    import onnx
    from onnx import numpy_helper

    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph = made.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    positive = {node.output[0] for node in graph.node if node.op_type == "Relu"}
    kept = []
    for node in graph.node:
        if node.op_type not in {"QuantizeLinear", "DequantizeLinear"}:
            kept.append(node)
            continue
        scale, zero = _parameters(node, constants)
        if node.op_type == "DequantizeLinear" and zero.dtype == np.int32:
            bias = constants[node.input[0]].astype(np.float32) * scale
            graph.initializer.append(numpy_helper.from_array(bias.astype(np.float32), node.output[0]))
            continue
        if zero.dtype == np.uint8:
            if node.op_type == "QuantizeLinear" and not zero.any() and node.input[0] not in positive:
                relu = onnx.helper.make_node("Relu", [node.input[0]], [f"{node.output[0]}_relu"], f"{node.name}_relu")
                node.input[0] = relu.output[0]
                kept.append(relu)
            _add_symmetric(graph, node, scale, zero, numpy_helper)
        elif zero.dtype != np.int8 or zero.any():
            raise ExportError(f"{node.name}: expected uint8, or int8 around 0, found {zero.dtype} around {zero}")
        kept.append(node)
    del graph.node[:]
    graph.node.extend(kept)
    _drop_unused(graph)
    return made


def _parameters(node: Any, constants: dict[str, Any]) -> tuple[Any, Any]:
    if len(node.input) < 3 or not {node.input[1], node.input[2]} <= constants.keys():
        raise ExportError(f"{node.name}: scale and zero point of {node.op_type} must be constants")
    return constants[node.input[1]], constants[node.input[2]]


def _add_symmetric(graph: Any, node: Any, scale: Any, zero: Any, numpy_helper: Any) -> None:
    """Give a node a signed scale and a zero point of 0, named for those that they replace."""
    low = zero.astype(np.float64)
    reach = np.maximum(low, LARGEST["uint8"] - low) * scale
    signed = (reach / LARGEST["int8"]).astype(np.float32)
    # A scale may belong to two zero points, so its successor is named for both.
    names = (f"{node.input[1]}_{node.input[2]}_symmetric", f"{node.input[2]}_symmetric")
    there = {tensor.name for tensor in graph.initializer}
    for name, array in zip(names, (signed, np.zeros(signed.shape, np.int8)), strict=True):
        if name not in there:
            graph.initializer.append(numpy_helper.from_array(array, name))
    node.input[1], node.input[2] = names


def _drop_unused(graph: Any) -> None:
    used = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
