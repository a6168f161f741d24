"""ONNX files as graphs: read with limits, whoever made them, with every tensor as an output, and cut into parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.errors import ArtifactCorruptError, RuntimeExecutionError
from inkport.core.onnx_metadata import ONNX_BYTES
from inkport.core.reading import read_bytes
from inkport.core.runtime import Intermediate


def load_onnx(path: Path, *, values: bool = True) -> Any:
    """Return the model in an ONNX file.

    Args:
        path: The file; the package onnx is installed.
        values: Whether values that lie in other files are read, too.

    Raises:
        ArtifactCorruptError: If it cannot be read, or a tensor's values lie in a file outside its folder.
    """
    import onnx

    try:
        model = onnx.load_model_from_string(read_bytes(path, limit=ONNX_BYTES))
        if values:
            # Refuses places outside the folder, by name or by link.
            onnx.load_external_data_for_model(model, str(path.parent))
        _check_names(model.graph)
    except Exception as error:
        raise ArtifactCorruptError(f"{path}: onnx cannot read it ({error})", remedy="export it again") from error
    return model


def _check_names(graph: Any) -> None:
    """Refuse names that are not UTF-8: protobuf hands them on as bytes, which nothing expects.

    Raises:
        ValueError: If there is one.
    """
    names = [value.name for value in (*graph.initializer, *graph.input, *graph.output)]
    for node in graph.node:
        names += [node.name, node.op_type, node.domain, *node.input, *node.output]
    if wrong := [name for name in names if not isinstance(name, str)]:
        raise ValueError(f"the name {wrong[0]!r} is not UTF-8")


Array = npt.NDArray[Any]
Run = Callable[[Any, Mapping[str, Array]], Mapping[str, Array]]
"""Runs an ``onnx.ModelProto`` on arrays by name; returns its outputs by name. Any exception means that it cannot."""


def trace_onnx(model: Any, image: str, images: Array, run: Run) -> tuple[Intermediate, ...]:
    """Return every tensor of a graph; where the engine refuses or fails, those of the longest beginning that runs.

    Args:
        model: An ``onnx.ModelProto``; left as it is.
        image: Name of the input.
        images: What goes into it.
        run: The engine.

    Raises:
        RuntimeExecutionError: If not even the first operator runs.
    """
    # `good` operators run, `bad` are too many; all of them is the usual case and is tried first.
    good, bad, tried = 0, len(model.graph.node) + 1, len(model.graph.node)
    values: Mapping[str, Array] = {}
    failure: Exception | None = None
    while bad - good > 1:
        try:
            values = run(_beginning(model, tried), {image: images})
            good = tried
        except Exception as error:  # noqa: BLE001 - whatever the engine raises, what runs before it is wanted
            failure, bad = error, tried
        tried = (good + bad) // 2
    if not values and failure is not None:
        raise RuntimeExecutionError(f"no operator of the graph runs: {failure}") from failure
    found = [Intermediate(name=image, operator=image, kind="Input", inputs=(), value=images)]
    for index, node in enumerate(model.graph.node):
        found += [
            Intermediate(
                name=name,
                operator=node.name or f"{node.op_type}.{index}",
                kind=node.op_type,
                inputs=tuple(filter(None, node.input)),
                value=values[name],
            )
            for name in node.output
            if name in values
        ]
    return tuple(found)


def _beginning(model: Any, count: int) -> Any:
    """Return the first ``count`` operators with every tensor as an output, their types left to the engine."""
    import onnx

    part = onnx.ModelProto()
    part.CopyFrom(model)
    del part.graph.node[count:]
    del part.graph.output[:]
    names = dict.fromkeys(name for node in part.graph.node for name in node.output if name)
    part.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    return part


def save_part(model: Any, output: str, inputs: Sequence[str], known: Mapping[str, Array], file: Path) -> None:
    """Write what computes ``output`` from ``inputs`` as an ONNX file, weights included.

    Args:
        model: The ``onnx.ModelProto``; left as it is.
        output: Name of a tensor.
        inputs: Names of tensors that it depends on.
        known: Values of these tensors, for their types.
        file: The ``.onnx`` file.
    """
    import onnx
    from onnx import helper

    nodes, wanted, seen = [], [output], set(inputs)
    producers = {name: node for node in model.graph.node for name in node.output}
    while wanted:
        name = wanted.pop()
        if name in seen or name not in producers:
            continue
        seen.update(producers[name].output)
        nodes.append(producers[name])
        wanted += producers[name].input
    order = {id(node): index for index, node in enumerate(model.graph.node)}
    nodes.sort(key=lambda node: order[id(node)])
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "part",
        [
            # Sizes stay open: a swapped axis must not be refused before it shows.
            _typed(name, known[name])
            for name in inputs
            if name in used
        ],
        [onnx.ValueInfoProto(name=output)],
        [tensor for tensor in model.graph.initializer if tensor.name in used and tensor.name not in inputs],
    )
    part = helper.make_model(graph, opset_imports=list(model.opset_import), ir_version=model.ir_version)
    if output in known:
        # Some readers insist on the output's type.
        part.graph.output[0].CopyFrom(_typed(output, known[output]))
    file.write_bytes(part.SerializeToString(deterministic=True))


def _typed(name: str, value: Array) -> Any:
    from onnx import helper

    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), [None] * value.ndim)


def values_of(trace: Sequence[Intermediate]) -> dict[str, Array]:
    """Return a trace's values by name."""
    return {item.name: np.asarray(item.value) for item in trace}
