"""Which operators of an int8 ONNX graph can overflow on x86 processors without VNNI.

There, ONNX Runtime multiplies unsigned by signed bytes with ``VPMADDUBSW``, which adds two neighbouring products
in a signed 16-bit integer and clips the sum: 255 * 127 + 255 * 127 is 64770, the limit 32767. Processors with
VNNI, and Arm's, add in 32 bits.

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
from inkport.core.target import Precision
from inkport.runtimes.onnx_files import load_onnx


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
    quantised = {node.output[0]: node for node in model.graph.node if node.op_type == "DequantizeLinear"}
    found = []
    for node in model.graph.node:
        if node.op_type not in {"Conv", "MatMul"}:
            continue
        weights = _signed_weights(node, quantised, tensors)
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
    if (artifact.format, artifact.precision) != ("onnx", Precision.INT8):
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
        f"weights, worst in {worst.node}); use onnx-fp32 there, or quantize with reduce_range (docs/export.md)"
    )


def _signed_weights(
    node: Any, quantised: Mapping[str, Any], tensors: Mapping[str, npt.NDArray[Any]]
) -> npt.NDArray[np.int8] | None:
    """Return a node's weights if it multiplies unsigned bytes by constant signed bytes."""
    activation, weight = (quantised.get(name) for name in node.input[:2])
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
