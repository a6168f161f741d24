"""A whole reader in one ONNX file, from the ONNX file of its network."""

from __future__ import annotations

from pathlib import Path

from inkport.core.artifact import Artifact, load_artifact
from inkport.core.onnx_metadata import APP_FORMAT, MODEL_FILE
from inkport.export.app.check import require_same_reading
from inkport.export.app.graph import app_model
from inkport.export.app.interface import require_app_spec
from inkport.export.graph import portable_bytes
from inkport.export.quiet_converter import failing
from inkport.export.record import derived_artifact
from inkport.runtimes.onnx_graph import load_onnx


STAGE = "onnx_app_from_onnx"


def onnx_app_from_onnx(source: Artifact, out: Path) -> Artifact:
    """Put preparation and greedy decoding into the graph, so that pixels go in and code points come out.

    The network's operators and weights stay as they are; equal input gives equal bytes. What the graph reads is
    compared with the harness on sample lines and on noise of many sizes.

    Args:
        source: An ONNX artifact, fp32 or int8.
        out: The artifact's directory; replaced if it is there.

    Raises:
        SpecError: If the recogniser was imported, or its images are not prepared by triangle-v2.
        ExportError: If the network is of another opset, or the graph reads anything differently.
    """
    require_app_spec(source)
    path = source.file(".onnx")
    with failing(STAGE, path):
        data = portable_bytes(app_model(load_onnx(path), source.spec))
        require_same_reading(STAGE, source.spec, path, data)
    with derived_artifact(
        out,
        source,
        stage=STAGE,
        format=APP_FORMAT,
        precision=source.precision,
        tools=("onnx", "onnxruntime"),
        options={},
    ) as folder:
        (folder / MODEL_FILE).write_bytes(data)
    return load_artifact(out)
