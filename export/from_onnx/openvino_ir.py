"""OpenVINO IR in fp32 from ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.artifact import Artifact, load_artifact
from inkport.core.errors import ArtifactCorruptError, ExportError
from inkport.core.target import Precision
from inkport.export.agreement import require_agreement
from inkport.export.graph import bare_onnx, onnx_forward
from inkport.export.record import derived_artifact


STAGE = "openvino_from_onnx"


def openvino_from_onnx(source: Artifact, out: Path) -> Artifact:
    """Convert an fp32 ONNX artefact; batch and width stay dynamic, weights stay fp32, equal input gives equal bytes.

    Args:
        source: An ONNX artefact in fp32.
        out: The artefact's directory; replaced if it is there.

    Raises:
        ExportError: If OpenVINO cannot convert it, or its logits differ from ONNX Runtime's.
    """
    import openvino as ov

    path = source.file(".onnx")
    try:
        # Not convert_model: its result has other bytes every time.
        model = ov.Core().read_model(bare_onnx(path))
        name_operations(model)
        compiled = ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    except (RuntimeError, ArtifactCorruptError) as error:
        raise ExportError(f"{STAGE}: {path}: {error}") from error

    def run_openvino(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.asarray(compiled([images])[0])

    require_agreement(STAGE, source.spec, onnx_forward(path, source.spec), run_openvino)
    with derived_artifact(
        out,
        source,
        stage=STAGE,
        format="openvino",
        precision=Precision.FP32,
        tools=("openvino", "onnxruntime"),
        options={"compress_to_fp16": False},
    ) as folder:
        ov.save_model(model, folder / "model.xml", compress_to_fp16=False)
    return load_artifact(out)


def name_operations(model: Any) -> None:
    """Give names to a model's operations that have none of their own; theirs count all operations of the process."""
    for index, operation in enumerate(model.get_ordered_ops()):
        if operation.get_friendly_name() == operation.get_name():
            operation.set_friendly_name(f"{operation.get_type_name()}.{index}")
