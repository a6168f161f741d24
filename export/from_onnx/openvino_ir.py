"""OpenVINO IR in fp32 from ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.artifact import Artifact, Provenance, load_artifact, new_artifact
from inkport.core.errors import ExportError
from inkport.core.target import Precision
from inkport.export.agreement import require_agreement
from inkport.export.tools import tool_versions
from inkport.runtimes.sdk import mute_openvino


STAGE = "openvino_from_onnx"


def openvino_from_onnx(source: Artifact, out: Path) -> Artifact:
    """Convert an fp32 ONNX artefact; batch and width stay dynamic, weights stay fp32, equal input gives equal bytes.

    Args:
        source: An ONNX artefact in fp32.
        out: The artefact's directory; replaced if it is there.

    Raises:
        ExportError: If OpenVINO cannot convert it, or its logits differ from ONNX Runtime's.
    """
    mute_openvino()
    import onnxruntime
    import openvino as ov

    path = source.file(".onnx")
    core = ov.Core()
    try:
        # Not convert_model: its result has other bytes every time.
        model = core.read_model(path)
        _name_constants(model)
        compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    except RuntimeError as error:
        raise ExportError(f"{STAGE}: {path}: {error}") from error
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def run_onnx(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.asarray(session.run([source.spec.output.name], {source.spec.input.name: images})[0])

    def run_openvino(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.asarray(compiled([images])[0])

    require_agreement(STAGE, source.spec, run_onnx, run_openvino)
    provenance = Provenance(
        stage=STAGE,
        root=source.root,
        parent=source.digest,
        tools=tool_versions("openvino", "onnxruntime"),
        options={"compress_to_fp16": False},
    )
    with new_artifact(
        out, spec=source.spec, format="openvino", precision=Precision.FP32, provenance=provenance
    ) as folder:
        ov.save_model(model, folder / "model.xml", compress_to_fp16=False)
    return load_artifact(out)


def _name_constants(model: Any) -> None:
    """Give names to the operations that have none of their own; theirs count all operations of the process."""
    for index, operation in enumerate(model.get_ordered_ops()):
        if operation.get_friendly_name() == operation.get_name():
            operation.set_friendly_name(f"{operation.get_type_name()}.{index}")
