"""Reading ONNX files as graphs, whoever made them: of sane size, and with no values from outside their folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from inkport.core.errors import ArtifactCorruptError
from inkport.core.reading import read_bytes


ONNX_BYTES = (2 << 30) - 1
"""Largest ONNX file, without the values that it keeps in files of their own; protobuf reads no larger message."""


def load_onnx(path: Path) -> Any:
    """Return the model in an ONNX file.

    Args:
        path: The file; the package onnx is installed.

    Raises:
        ArtifactCorruptError: If it cannot be read, or a tensor's values lie in a file outside its folder.
    """
    import onnx

    try:
        model = onnx.load_model_from_string(read_bytes(path, limit=ONNX_BYTES))
        # Refuses places outside the folder, by name or by link.
        onnx.load_external_data_for_model(model, str(path.parent))
        # Names are decoded when they are asked for, and damaged ones raise then.
        for node in model.graph.node:
            _ = node.name, node.op_type, *node.input, *node.output
        for value in (*model.graph.initializer, *model.graph.input, *model.graph.output):
            _ = value.name
    except Exception as error:
        raise ArtifactCorruptError(f"{path}: onnx cannot read it ({error})", remedy="export it again") from error
    return model
