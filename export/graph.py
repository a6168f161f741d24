"""ONNX graphs as files that equal inputs make equal."""

from __future__ import annotations

from typing import Any


def portable_bytes(model: Any) -> bytes:
    """Return an ONNX model as the bytes of one file, without what names the machine or the process that made it.

    Converters leave notes: stack traces with paths and line numbers, inferred shapes with internal names.
    They are removed from ``model`` itself too.

    Args:
        model: An ``onnx.ModelProto`` with all its weights inside.

    Raises:
        onnx.checker.ValidationError: If the graph is not valid ONNX.
    """
    import onnx

    graph = model.graph
    graph.ClearField("value_info")
    for item in (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        item.ClearField("doc_string")
        item.ClearField("metadata_props")
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data
