"""Graphs of ONNX and OpenVINO: as files that equal inputs make equal, and as functions to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.artifact import Artifact, load_artifact
from inkport.core.errors import ArtifactError
from inkport.core.onnx_metadata import ONNX_BYTES, without_metadata
from inkport.core.reading import read_bytes
from inkport.core.spec import RecogniserSpec
from inkport.core.target import Precision
from inkport.export.agreement import Array, Forward, require_agreement
from inkport.export.record import derived_artifact
from inkport.runtimes.onnx_graph import load_onnx


LEAST_OPSET = 13
"""From here on ONNX has weights quantized per output channel (``DequantizeLinear``'s axis)."""
RAISING = "raised_onnx_from_onnx"
"""Name of the stage that raises files."""
RAISED_OPSET = 17
"""What older files are raised to: every runtime here knows it."""


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


def bare_onnx(path: Path) -> bytes:
    """Return an ONNX file's bytes without what it says of itself, which other formats would take over as theirs.

    Raises:
        ArtifactCorruptError: If it is no ONNX file.
    """
    return without_metadata(read_bytes(path, limit=ONNX_BYTES), where=str(path))


def raised(source: Artifact, out: Path, *, lines: Sequence[Array] = (), stage: str) -> Artifact:
    """Return an ONNX artifact, or a copy of it in a later opset where its own cannot express int8.

    The source stays as it is, names of tensors too. The copy is an artifact of its own, with its own digest, and is
    taken again where it is there; that it computes the same is checked.

    Args:
        source: An ONNX artifact in fp32.
        out: The directory of the copy.
        lines: Prepared lines to compare on, beside noise.
        stage: Name of the exporter that needs it, for errors.

    Raises:
        ArtifactCorruptError: If the file cannot be read.
        ExportError: If the copy's logits differ.
    """
    from onnx import version_converter

    path = source.file(".onnx")
    model = load_onnx(path)
    opset = max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=0)
    if opset >= LEAST_OPSET:
        return source
    with suppress(ArtifactError):
        if (kept := load_artifact(out)).provenance.parent == source.digest and kept.provenance.stage == RAISING:
            return kept
    copy = version_converter.convert_version(model, RAISED_OPSET)
    data: bytes = copy.SerializeToString(deterministic=True)
    exact, found = onnx_forward(path, source.spec), onnx_forward(data, source.spec)
    require_agreement(stage, source.spec, exact, found, widths=[source.spec.preprocess.min_width], lines=lines)
    with derived_artifact(
        out,
        source,
        stage=RAISING,
        format="onnx",
        precision=Precision.FP32,
        tools=("onnx", "onnxruntime"),
        options={"opset": RAISED_OPSET, "from_opset": opset},
    ) as folder:
        (folder / "model.onnx").write_bytes(data)
    return load_artifact(out)


def onnx_forward(model: bytes | Path, spec: RecogniserSpec) -> Forward:
    """Load an ONNX model, from memory or a file, with ONNX Runtime on the CPU."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    # Files of others say at times of their outputs what is not so, and every run would print it.
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])

    def forward(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.asarray(session.run([spec.output.name], {spec.input.name: images})[0])

    return forward


def compile_fp32(model: Any) -> Any:
    """Compile an ``openvino.Model`` for the CPU in fp32; processors with bf16 units would otherwise use them."""
    import openvino as ov

    return ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def openvino_forward(model: Any) -> Forward:
    """Return an ``openvino.Model``, computed in fp32, as a function from images to logits."""
    compiled = compile_fp32(model)

    def forward(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.asarray(compiled([images])[0])

    return forward


def name_operations(model: Any) -> None:
    """Give names to a model's operations that have none of their own; theirs count all operations of the process."""
    for index, operation in enumerate(model.get_ordered_ops()):
        if operation.get_friendly_name() == operation.get_name():
            operation.set_friendly_name(f"{operation.get_type_name()}.{index}")
