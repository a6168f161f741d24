"""What processors ask of int8 ONNX graphs in QDQ form: sums that x86 without VNNI clips, and the form of TensorRT.

Without VNNI, ONNX Runtime multiplies unsigned by signed bytes with ``VPMADDUBSW``, which adds two neighbouring products
in a signed 16-bit integer and clips the sum: 255 * 127 + 255 * 127 is 64770, the limit 32767. Processors with
VNNI, and Arm's, add in 32 bits. TensorRT's parser takes neither unsigned activations with a zero point nor int32 biases
(``trt_operators.json``).

Source:
    https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html, "When and why do I need to try
    U8U8?", which names the remedy too: weights of 7 bits (``reduce_range``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.artifact import Artifact
from inkport.core.errors import ExportError
from inkport.core.onnx_metadata import ONNX_FORMATS
from inkport.core.target import Precision
from inkport.runtimes.onnx_graph import load_onnx


LARGEST_ACTIVATION = 255
"""Largest unsigned byte; calibrated ranges are cut so that it occurs."""
LIMITS = np.iinfo(np.int16)
"""Range of the sum of two products."""


@dataclass(frozen=True, kw_only=True)
class Saturation:
    """An operator whose sums of two products can leave the 16-bit range."""

    node: str
    """Name of the ONNX node."""
    operator: str
    """Type of the node."""
    pairs: int
    """Pairs of weights whose worst sum leaves the range."""
    total: int
    """All its pairs of weights."""
    worst: int
    """The sum that is farthest from zero."""


def saturating_nodes(model: Any) -> tuple[Saturation, ...]:
    """Look at every convolution and matrix product of unsigned activations with signed constant weights.

    Args:
        model: An ``onnx.ModelProto`` in QDQ form.

    Returns:
        The operators that can saturate, in the graph's order; what multiplies in fp32 is not among them.
    """
    import onnx

    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    quantized = {node.output[0]: node for node in model.graph.node if node.op_type == "DequantizeLinear"}
    found = []
    for node in model.graph.node:
        if node.op_type not in {"Conv", "MatMul"}:
            continue
        weights = _signed_weights(node, quantized, tensors)
        if weights is None:
            continue
        sums = worst_sums(_in_order_of_summation(weights, node.op_type))
        outside = (sums > LIMITS.max) | (sums < LIMITS.min)
        if outside.any():
            worst = int(sums.flat[np.abs(sums).argmax()])
            found.append(
                Saturation(
                    node=node.name, operator=node.op_type, pairs=int(outside.sum()), total=sums.size, worst=worst
                )
            )
    return tuple(found)


def worst_sums(weights: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
    """Return, for each pair of neighbours, the sum of two products that is farthest from zero over all activations.

    Args:
        weights: int8 (outputs, terms), terms in the order in which they are summed; pairs start at even places.

    Returns:
        int64 (outputs, half the terms, rounded up).
    """
    wide = np.pad(weights.astype(np.int64), ((0, 0), (0, weights.shape[1] % 2)))
    pairs = wide.reshape(len(wide), -1, 2)
    highest = LARGEST_ACTIVATION * np.maximum(pairs, 0).sum(axis=2)
    lowest = LARGEST_ACTIVATION * np.minimum(pairs, 0).sum(axis=2)
    return np.where(highest >= -lowest, highest, lowest)


def saturation_warning(artifact: Artifact) -> str:
    """Return one line about an artifact whose int8 products can saturate; empty if they cannot."""
    if artifact.format not in ONNX_FORMATS or artifact.precision is not Precision.INT8:
        return ""
    if find_spec("onnx") is None:
        return f"{artifact.path}: not checked for saturation, which needs onnx (pip install 'inkport[export]')"

    model = load_onnx(artifact.file(".onnx"))
    found = saturating_nodes(model)
    if not found:
        return ""
    pairs, total = sum(node.pairs for node in found), sum(node.total for node in found)
    worst = max(found, key=lambda node: abs(node.worst))
    return (
        f"{artifact.path}: on x86 without VNNI, {len(found)} int8 operators can saturate ({pairs} of {total} pairs of "
        f"weights, worst in {worst.node}); use onnx-fp32 there, or `inkport quantize apply --set reduce_range=true`"
    )


def _signed_weights(
    node: Any, quantized: Mapping[str, Any], tensors: Mapping[str, npt.NDArray[Any]]
) -> npt.NDArray[np.int8] | None:
    """Return a node's weights if it multiplies unsigned bytes by constant signed bytes."""
    activation, weight = (quantized.get(name) for name in node.input[:2])
    if activation is None or weight is None or len(activation.input) < 3:
        return None
    zero, values = tensors.get(activation.input[2]), tensors.get(weight.input[0])
    if zero is None or zero.dtype != np.uint8 or values is None or values.dtype != np.int8:
        return None
    return values


def _in_order_of_summation(weights: npt.NDArray[np.int8], operator: str) -> npt.NDArray[np.int8]:
    """Return int8 (outputs, terms): of a convolution with its input channels innermost, as ONNX Runtime packs them."""
    if operator == "MatMul":
        return np.moveaxis(weights, -1, 0).reshape(weights.shape[-1], -1)
    return np.moveaxis(weights, 1, -1).reshape(len(weights), -1)


LARGEST = {"uint8": 255, "int8": 127}
"""Largest quantized value; int8 is symmetric here, so that -128 stays unused."""


def symmetric_model(model: Any) -> Any:
    """Return a copy of a QDQ model with signed activations around 0 and without int32 biases, as TensorRT takes it.

    A range ``low..high`` becomes ``-a..a`` with ``a`` the larger of both ends; one on a single side of 0 then has half
    as many steps, which is the price of the form. ONNX Runtime's quantizer leaves out a Relu where a range that begins
    at 0 cuts off what is below; it comes back here.

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
