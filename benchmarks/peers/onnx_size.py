"""How many values an ONNX file holds."""

from __future__ import annotations

from math import prod
from pathlib import Path


LEAST = 16
"""Smallest constant that counts: shapes, axes and scales of whole tensors are no weights."""


def count_parameters(file: Path) -> int:
    """Return the number of values in a model's weights; scales and zero points of int8 count too."""
    import onnx

    graph = onnx.load(str(file), load_external_data=False).graph
    sizes = [prod(tensor.dims) for tensor in graph.initializer]
    sizes += [
        prod(attribute.t.dims)
        for node in graph.node
        if node.op_type == "Constant"
        for attribute in node.attribute
        if attribute.name == "value"
    ]
    return sum(size for size in sizes if size >= LEAST)
