"""The operators of an ONNX graph that can be quantized, singly or in groups, and how much they compute."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from inkport.core.artifact import Artifact
from inkport.core.errors import ArtifactCorruptError, InkportError
from inkport.core.preprocess import PreprocessSpec
from inkport.export.quantize.onnx_int8 import Part, nodes_of
from inkport.export.quantize.ranges import watched
from inkport.runtimes.onnx_files import load_onnx


WEIGHTED = ("Conv", "MatMul")
"""Operators that are quantized for their own sake; a Relu goes with the convolution before it."""
WIDTH = 1024
"""Width in pixels of the image that the products are counted on, or the widest that the recogniser takes."""


class Grouping(StrEnum):
    """What is quantized together."""

    NODE = "node"
    """Every operator by itself."""
    PART = "part"
    """The stem, depthwise convolutions, attention, the head, other convolutions, other products."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Operators that are quantized together, or stay in fp32 together."""

    name: str
    """The node's name, or the part's."""
    operators: tuple[str, ...]
    """Types of its operators, each once."""
    nodes: tuple[str, ...]
    """Names of the ONNX nodes, in the graph's order."""
    weights: int
    """Values in their constant weights."""
    macs: int
    """Multiplications of one line of ``WIDTH`` pixels."""


def find_groups(source: Artifact, grouping: Grouping = Grouping.NODE) -> tuple[Group, ...]:
    """Return every convolution and matrix product of an ONNX artifact in groups, in the graph's order.

    Raises:
        ArtifactCorruptError: If its graph is damaged.
    """
    path = source.file(".onnx")
    model = load_onnx(path)
    try:
        return _groups(model, source.spec.preprocess, grouping)
    except InkportError:
        raise
    except Exception as error:
        raise ArtifactCorruptError(f"{path}: the graph is damaged ({error})", remedy="export it again") from error


def _groups(model: Any, preprocess: PreprocessSpec, grouping: Grouping) -> tuple[Group, ...]:
    nodes = [node for node in model.graph.node if node.op_type in WEIGHTED]
    macs = _products(model, nodes, preprocess)
    weights = {tensor.name: math.prod(tensor.dims) for tensor in model.graph.initializer}
    members: dict[str, list[Any]] = defaultdict(list)
    parts = _parts(model)
    for node in nodes:
        members[node.name if grouping is Grouping.NODE else parts.get(node.name, _other(node))].append(node)
    return tuple(
        Group(
            name=name,
            operators=tuple(dict.fromkeys(node.op_type for node in found)),
            nodes=tuple(node.name for node in found),
            weights=sum(weights.get(node.input[1], 0) for node in found),
            macs=sum(macs[node.name] for node in found),
        )
        for name, found in members.items()
    )


def _parts(model: Any) -> dict[str, str]:
    """Return the part of each node that belongs to one; the first where several claim it."""
    found: dict[str, str] = {}
    for part in Part:
        for name in nodes_of(model, [part]):
            found.setdefault(name, str(part))
    return found


def _other(node: Any) -> str:
    return "convolutions" if node.op_type == "Conv" else "products"


def _products(model: Any, nodes: Sequence[Any], preprocess: PreprocessSpec) -> dict[str, int]:
    """Return the multiplications of each node on one image, from the shapes that it really has."""
    tensors = list(dict.fromkeys(name for node in nodes for name in (node.input[0], node.output[0])))
    weights = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    width = min(WIDTH, preprocess.max_width // preprocess.width_multiple * preprocess.width_multiple)
    image = np.zeros((1, 1, preprocess.height, width), np.float32)
    (given,) = (value.name for value in model.graph.input)
    inner = [name for name in tensors if name != given]
    shapes = dict(zip(inner, (values.shape for values in watched(model, inner)(image)), strict=True))
    shapes[given] = image.shape
    found = {}
    for node in nodes:
        terms = math.prod(weights[node.input[1]][1:]) if node.op_type == "Conv" else shapes[node.input[0]][-1]
        found[node.name] = math.prod(shapes[node.output[0]]) * terms
    return found
