"""An offset on one label's logit, folded into the bias of the head: it costs nothing when the model runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from inkport.core.artifact import Artifact, load_artifact
from inkport.core.errors import ExportError
from inkport.export.graph import onnx_forward, portable_bytes
from inkport.export.record import derived_artifact
from inkport.runtimes.onnx_files import load_onnx


STAGE = "head_bias_onnx_from_onnx"
PASSING = ("Transpose", "Reshape", "Identity", "Squeeze", "Unsqueeze", "Cast")
"""Operators that move logits about and leave their values as they are."""


def head_bias_onnx_from_onnx(
    source: Artifact, out: Path, *, label: int, offset: float, record: Mapping[str, Any] | None = None
) -> Artifact:
    """Add ``offset`` to the logit of ``label`` at every frame.

    Args:
        source: An ONNX artifact of any precision whose head's bias is fp32.
        out: The artifact's directory; replaced if it is there.
        label: Index of the label; 0 is the blank.
        offset: What is added.
        record: What else the artifact's provenance shall say.

    Raises:
        ExportError: If the graph does not end in the addition of a bias in fp32, or there is no such label.
    """
    from onnx import numpy_helper

    path = source.file(".onnx")
    model = load_onnx(path)
    tensor = _bias(model.graph, source.spec.output.name, source.spec.charset.size)
    if tensor is None:
        raise ExportError(
            f"{STAGE}: {path}: the logits are not the sum of products and one fp32 bias per label",
            remedy="leave the head in fp32, or correct the weights before they are exported",
        )
    values = numpy_helper.to_array(tensor).copy()
    if not 0 <= label < values.size:
        raise ExportError(f"{STAGE}: there is no label {label}, the head has {values.size}")
    values.reshape(-1)[label] += np.float32(offset)
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    data = portable_bytes(model)
    onnx_forward(data, source.spec)
    with derived_artifact(
        out,
        source,
        stage=STAGE,
        format="onnx",
        precision=source.precision,
        tools=("onnx",),
        options={**source.provenance.options, "head_bias": {"label": label, "offset": offset, **(record or {})}},
        calibration=source.provenance.calibration,
    ) as folder:
        (folder / "model.onnx").write_bytes(data)
    return load_artifact(out)


def _bias(graph: Any, output: str, labels: int) -> Any | None:
    """Return the tensor that is added to the products of the head and to nothing else, or None."""
    makers = {name: node for node in graph.node for name in node.output}
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    node = makers.get(output)
    while node is not None and node.op_type in PASSING:
        node = makers.get(node.input[0])
    names = () if node is None or node.op_type not in {"Add", "Gemm", "Conv"} else tuple(node.input)
    if node is not None and node.op_type != "Add":
        names = names[2:]
    found = [tensors[name] for name in names if name in tensors]
    if len(found) != 1 or found[0].data_type != 1 or int(np.prod(found[0].dims)) != labels:
        return None
    users = sum(found[0].name in other.input for other in graph.node)
    return found[0] if users == 1 else None
