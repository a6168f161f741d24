"""Reading ONNX files as graphs, whoever made them: of sane size, and with no values from outside their folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from inkport.core.errors import ArtifactCorruptError
from inkport.core.onnx_metadata import ONNX_BYTES
from inkport.core.reading import read_bytes


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
