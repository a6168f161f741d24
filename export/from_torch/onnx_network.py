"""A graph of ONNX as a network of torch, for converters that start from torch.

No converter that is kept up does this for recognisers: onnx2torch 1.5.15 has no recurrent layers and no padding
``SAME_UPPER``, which together are in nearly every one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from inkport.core.artifact import Artifact
from inkport.core.errors import ExportError
from inkport.export.from_torch.onnx_operators import OPERATORS
from inkport.export.from_torch.onnx_recurrence import RECURRENT, recurrent
from inkport.runtimes.onnx_graph import load_onnx


def network_from_onnx(source: Artifact) -> OnnxNetwork:
    """Return the graph of an ONNX artifact as a network in evaluation mode; it maps the input to the scores.

    Args:
        source: An ONNX artifact in fp32.

    Raises:
        ExportError: If the graph has an operator, or a form of one, that is not known here.
    """
    network = OnnxNetwork(load_onnx(source.file(".onnx")), source.spec.output.name)
    network.eval()
    return network


class OnnxNetwork(nn.Module):
    """Runs the operators of a graph one after another.

    Shapes are computed as whole numbers beside the tensors, so that tracing sees sizes and not tensors of sizes.

    Args:
        model: The ``onnx.ModelProto``.
        output: Name of the tensor to return.

    Raises:
        ExportError: If an operator is not known.
    """

    def __init__(self, model: Any, output: str) -> None:
        from onnx import helper, numpy_helper

        super().__init__()
        graph = model.graph
        self._opset = max((e.version for e in model.opset_import if e.domain in ("", "ai.onnx")), default=0)
        self._output = output
        self._numbers: dict[str, Any] = {}
        self._buffers_of: dict[str, str] = {}
        constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        weights = set(constants)
        (self._input,) = (value.name for value in graph.input if value.name not in weights)
        self._steps: list[tuple[str, tuple[str, ...], tuple[str, ...], Mapping[str, Any]]] = []
        self.layers = nn.ModuleDict()
        for index, node in enumerate(graph.node):
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            if node.op_type == "Constant":
                constants[node.output[0]] = _constant(attributes)
            elif node.op_type == "Identity" and node.input[0] in constants:
                constants[node.output[0]] = constants[node.input[0]]
            else:
                self._add(index, node, attributes, constants)
        for name, values in constants.items():
            self._keep(name, values)

    def _add(self, index: int, node: Any, attributes: Mapping[str, Any], constants: Mapping[str, Any]) -> None:
        kind = node.op_type
        if node.domain not in ("", "ai.onnx") or (kind not in OPERATORS and kind not in RECURRENT):
            raise ExportError(
                f"operator {node.domain or 'onnx'}::{kind} (at {node.name or node.output[0]}) has no counterpart here"
            )
        name = ""
        if kind in RECURRENT:
            name = f"layer{index}"
            self.layers[name] = recurrent(kind, attributes, [constants.get(value) for value in node.input])
        self._steps.append((name or kind, tuple(node.input), tuple(node.output), attributes))

    def _keep(self, name: str, values: Any) -> None:
        """Whole numbers of few dimensions are shapes and indices; all else are weights."""
        if values.dtype.kind == "f":
            self._buffers_of[name] = f"weight{len(self._buffers_of)}"
            self.register_buffer(self._buffers_of[name], torch.from_numpy(np.array(values)))
        else:
            self._numbers[name] = values

    @property
    def recurs(self) -> bool:
        """Whether there are recurrent layers."""
        return bool(self.layers)

    def forward(self, images: Tensor) -> Tensor:
        """Return the scores of images, both as the graph has them."""
        values: dict[str, Any] = {name: getattr(self, buffer) for name, buffer in self._buffers_of.items()}
        values |= self._numbers
        values[self._input] = images
        for kind, inputs, outputs, attributes in self._steps:
            given = [values[name] if name else None for name in inputs]
            if kind in self.layers:
                found = self.layers[kind](given[0])
            else:
                found = OPERATORS[kind](*given, **attributes, opset=self._opset, results=len(outputs))
            values.update(zip(outputs, found if isinstance(found, tuple) else (found,), strict=False))
        scores: Tensor = values[self._output]
        return scores


def _constant(attributes: Mapping[str, Any]) -> Any:
    from onnx import numpy_helper

    if "value" in attributes:
        return numpy_helper.to_array(attributes["value"])
    (value,) = attributes.values()
    return np.asarray(value, np.float32 if isinstance(value, float) else None)
