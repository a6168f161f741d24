"""An ONNX graph as the meaning of a network: its operators, each computable by itself in float64."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.errors import ArtifactCorruptError, RuntimeUnavailableError
from inkport.runtimes.onnx_graph import load_onnx
from inkport.runtimes.onnx_reference import reference_evaluator


Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Operator:
    """One operator of the graph."""

    name: str
    """Its name."""
    kind: str
    """ONNX's type, for example ``Conv``."""
    inputs: tuple[str, ...]
    """Names of the tensors it reads; an empty one is an input left out."""
    outputs: tuple[str, ...]
    """Names of the tensors it computes."""
    attributes: Mapping[str, Any]
    """Its attributes."""
    node: Any
    """The ``onnx.NodeProto``."""


class Graph:
    """A graph whose operators can be computed one at a time, by ONNX's reference evaluator in float64.

    Args:
        path: The ``.onnx`` file.

    Raises:
        RuntimeUnavailableError: If the package onnx is not installed.
        ArtifactCorruptError: If the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        try:
            import onnx
        except ModuleNotFoundError as error:
            raise RuntimeUnavailableError("onnx is not installed", remedy="pip install 'inkport[export]'") from error
        model = load_onnx(path)
        self._opsets, self._evaluators = list(model.opset_import), {}  # type: ignore[var-annotated]
        try:
            self.constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
            self.image: str = model.graph.input[0].name
            self.output: str = model.graph.output[0].name
            self.operators = tuple(
                Operator(
                    name=node.name or f"{node.op_type}.{index}",
                    kind=node.op_type,
                    inputs=tuple(node.input),
                    outputs=tuple(node.output),
                    attributes={a.name: onnx.helper.get_attribute_value(a) for a in node.attribute},
                    node=node,
                )
                for index, node in enumerate(model.graph.node)
            )
        except (IndexError, TypeError, ValueError) as error:
            raise ArtifactCorruptError(
                f"{path}: a graph with parts missing or malformed ({error})", remedy="export it again"
            ) from error

    @cached_property
    def producers(self) -> dict[str, Operator]:
        """The operator that computes each tensor."""
        return {name: operator for operator in self.operators for name in operator.outputs if name}

    @cached_property
    def dynamic(self) -> frozenset[str]:
        """Names of the tensors that depend on the image."""
        found = {self.image}
        for operator in self.operators:
            if found & set(operator.inputs):
                found.update(filter(None, operator.outputs))
        return frozenset(found)

    def compute(self, operator: Operator, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
        """Compute an operator from its inputs, in order; floating point as float64, results unrounded.

        Args:
            operator: One of ``operators``.
            inputs: Its inputs; None for one left out.
        """
        if operator.kind == "Cast" and inputs[0] is not None and _casts_to_float(operator):
            return (widened(inputs[0]).astype(np.float64),)
        feeds = {f"x{index}": widened(value) for index, value in enumerate(inputs) if value is not None}
        # Beyond the float range is for the comparison to judge, as in an engine.
        with np.errstate(all="ignore"):
            results = self._evaluator(operator).run(None, feeds)
        return tuple(np.asarray(result) for result in results)

    def _evaluator(self, operator: Operator) -> Any:
        import onnx
        from onnx import helper

        if operator.name not in self._evaluators:
            node = onnx.NodeProto()
            node.CopyFrom(operator.node)
            # One tensor may be read twice, and each place must be free to take a value of its own.
            node.input[:] = [f"x{index}" if name else "" for index, name in enumerate(operator.inputs)]
            graph = helper.make_graph(
                [node],
                "one",
                [helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, None) for name in node.input if name],
                [helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, None) for name in node.output if name],
            )
            self._evaluators[operator.name] = reference_evaluator(helper.make_model(graph, opset_imports=self._opsets))
        return self._evaluators[operator.name]

    def forward(self, images: Array) -> dict[str, Array]:
        """Compute every tensor of the graph in float64."""
        values: dict[str, Array] = {**self.constants, self.image: images}
        for operator in self.operators:
            results = self.compute(operator, [values[name] if name else None for name in operator.inputs])
            values.update(zip(operator.outputs, results, strict=False))
        return values


def widened(value: Array) -> Array:
    """Return floating point as float64, which holds every fp32, fp16 and bf16 exactly; other types as they are."""
    return value.astype(np.float64) if np.asarray(value).dtype.kind == "f" else np.asarray(value)


def _casts_to_float(operator: Operator) -> bool:
    import onnx

    half = {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16, onnx.TensorProto.DOUBLE}
    return operator.attributes["to"] in half
