"""OpenVINO IR for 16-bit floating point, bfloat16 and IEEE half, from the fp32 IR."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.artifact import Artifact, load_artifact
from inkport.core.errors import ExportError
from inkport.core.target import Precision
from inkport.export.agreement import FP16_TOLERANCE, Forward, require_agreement
from inkport.export.record import derived_artifact


BF16_STAGE = "bf16_openvino_from_openvino"
FP16_STAGE = "fp16_openvino_from_openvino"


def bf16_openvino_from_openvino(source: Artifact, out: Path) -> Artifact:
    """Declare that the fp32 IR is to be computed in bfloat16; the files are the same to the byte.

    IR has no weights in bfloat16: OpenVINO rounds them when it compiles for that precision, which it does only
    when told so, and only where the processor can. The artifact's precision is what tells it.

    Args:
        source: An OpenVINO artifact in fp32.
        out: The artifact's directory; replaced if it is there.
    """
    with derived_artifact(
        out,
        source,
        stage=BF16_STAGE,
        format="openvino",
        precision=Precision.BF16,
        tools=(),
        options={"weights": "fp32"},
    ) as folder:
        for name in source.files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source.path / name, folder / name)
    return load_artifact(out)


def fp16_openvino_from_openvino(source: Artifact, out: Path) -> Artifact:
    """Store the weights in fp16; equal input gives equal bytes.

    Args:
        source: An OpenVINO artifact in fp32.
        out: The artifact's directory; replaced if it is there.

    Raises:
        ExportError: If OpenVINO cannot read the IR, or the rounded weights change the logits too much.
    """
    import openvino as ov

    core = ov.Core()
    # Windows does not move a file that is mapped.
    core.set_property({"ENABLE_MMAP": False})
    path = source.file(".xml")
    try:
        model = core.read_model(path)
        expected = _forward(core, model)
    except RuntimeError as error:
        raise ExportError(f"{FP16_STAGE}: {path}: {error}") from error
    with derived_artifact(
        out,
        source,
        stage=FP16_STAGE,
        format="openvino",
        precision=Precision.FP16,
        tools=("openvino",),
        options={"compress_to_fp16": True},
    ) as folder:
        ov.save_model(model, folder / "model.xml", compress_to_fp16=True)
        require_agreement(
            FP16_STAGE,
            source.spec,
            expected,
            _forward(core, core.read_model(folder / "model.xml")),
            tolerance=FP16_TOLERANCE,
        )
    return load_artifact(out)


def _forward(core: Any, model: Any) -> Forward:
    """Compile for fp32, so that nothing but the weights' rounding shows on any processor."""
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def forward(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.asarray(compiled([images])[0])

    return forward
