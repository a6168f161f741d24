"""The results of every operator of torch in a network, and parts of it as calls of these operators."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, fx, nn

from inkport.core.runtime import Intermediate


KINDS = {
    "conv1d": "Conv",
    "conv2d": "Conv",
    "batch_norm": "BatchNormalization",
    "linear": "Gemm",
    "layer_norm": "LayerNormalization",
    "matmul": "MatMul",
    "softmax": "Softmax",
    "view": "Reshape",
    "reshape": "Reshape",
    "flatten": "Reshape",
    "permute": "Transpose",
    "transpose": "Transpose",
    "cat": "Concat",
    "max_pool2d": "MaxPool",
    "dropout": "Identity",
    "contiguous": "Identity",
    "lstm": "LSTM",
}
"""ONNX's words for operators of torch, where they differ by more than a capital."""


class TorchTracer:
    """Traces one network.

    The network is captured by ``torch.export`` for the size of the images, and computed operator by operator with the
    kernels that it uses anyway. Values are named after the module and the operator, ``encoder.0.attention/softmax``.

    Args:
        network: The network, in evaluation mode.
        device: Where it is.
    """

    def __init__(self, network: nn.Module, device: str) -> None:
        self._network, self._device = network, device
        self._recorder: _Recorder | None = None

    def intermediates(self, images: npt.NDArray[np.float32]) -> tuple[Intermediate, ...]:
        """Return the results of all operators for images float32 (n, 1, h, w).

        A batch norm after a convolution counts as part of it, because exporters fold it in.
        """
        tensor = torch.from_numpy(images.copy()).to(self._device)
        with torch.no_grad(), warnings.catch_warnings():
            # torch.export copies trees with a class that torch itself deprecates.
            warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)
            self._recorder = _Recorder(torch.export.export(self._network, (tensor,)).module())
            self._recorder.run(tensor)
        nodes = list(self._recorder.results)
        folded = {_source(node) for node in nodes if _folds(node)}
        return tuple(_intermediate(node, self._recorder) for node in nodes if node not in folded)

    def isolate(self, output: str, inputs: Sequence[str], folder: Path) -> str:
        """Write the weights that lead from ``inputs`` to ``output``; return the calls as Python source."""
        assert self._recorder is not None  # noqa: S101 - a trace comes first
        recorder = self._recorder
        given = {node: name for node in recorder.results if (name := _name(node)) in inputs}
        names = {_name(node): node for node in recorder.results}
        nodes: list[fx.Node] = []
        _collect(names[output], given, nodes)
        weights = {node.name: recorder.array(node) for node in nodes if node.op == "get_attr"}
        np.savez(folder / "weights.npz", **weights)  # type: ignore[arg-type]
        lines = [f"    {node.name} = torch.from_numpy(inputs[{name!r}])" for node, name in given.items()]
        lines += [
            f"    {node.name} = torch.from_numpy(weights[{node.name!r}])" for node in nodes if node.name in weights
        ]
        lines += [f"    {node.name} = {_call(node)}" for node in nodes if node.name not in weights]
        head = ["def run(folder, inputs):", "    import numpy as np", "    import torch", ""]
        head += ['    weights = np.load(folder / "weights.npz")']
        return "\n".join([*head, *lines, f"    return {names[output].name}.numpy()", ""])


class _Recorder(fx.Interpreter):
    """Runs a graph and keeps every tensor; ``results`` has those that are computed from the image."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module, garbage_collect_values=False)
        self.results: dict[fx.Node, Tensor] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if isinstance(result, Tensor) and n.op in {"placeholder", "call_function"}:
            self.results[n] = result
        return result

    def array(self, node: fx.Node) -> npt.NDArray[Any]:
        return np.asarray(self.env[node].detach().cpu().numpy())


def _intermediate(node: fx.Node, recorder: _Recorder) -> Intermediate:
    source = _source(node) if _folds(node) else node
    inputs = [_name(other) for other in source.all_input_nodes]
    kind = "Input" if node.op == "placeholder" else _kind(source)
    return Intermediate(
        name=_name(node), operator=_name(node), kind=kind, inputs=tuple(inputs), value=recorder.array(node)
    )


def _name(node: fx.Node) -> str:
    if node.op != "call_function":
        return node.name
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    return f"{stack[-1][0] if stack else ''}/{node.name}"


def _operator(node: fx.Node) -> str:
    """Return ``conv2d`` for ``aten.conv2d.default``."""
    return str(node.target).split(".")[1] if str(node.target).count(".") >= 2 else str(node.target)


def _kind(node: fx.Node) -> str:
    name = _operator(node)
    return KINDS.get(name, re.sub(r"_+$", "", name).capitalize())


def _source(node: fx.Node) -> fx.Node:
    return node.all_input_nodes[0]


def _folds(node: fx.Node) -> bool:
    """Whether a node is a batch norm that a converter folds into the convolution before it."""
    if node.op != "call_function" or _operator(node) != "batch_norm":
        return False
    return _source(node).op == "call_function" and _kind(_source(node)) == "Conv" and len(_source(node).users) == 1


def _collect(node: fx.Node, given: dict[fx.Node, str], nodes: list[fx.Node]) -> None:
    """Append what computes ``node`` from ``given``, in order."""
    if node in given or node in nodes:
        return
    for source in node.all_input_nodes:
        _collect(source, given, nodes)
    nodes.append(node)


def _call(node: fx.Node) -> str:
    def source(value: Any) -> str:
        if isinstance(value, list | tuple):
            return f"[{', '.join(source(part) for part in value)}]"
        return value.name if isinstance(value, fx.Node) else repr(value)

    arguments = [source(value) for value in node.args] + [f"{key}={source(v)}" for key, v in node.kwargs.items()]
    return f"torch.ops.{node.target}({', '.join(arguments)})"
