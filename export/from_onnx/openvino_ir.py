"""OpenVINO IR: in fp32 from ONNX, and in bfloat16 and IEEE half from that IR."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from inkport.core.artifact import Artifact, load_artifact
from inkport.core.errors import ArtifactCorruptError, ExportError
from inkport.core.target import Precision
from inkport.export.agreement import Array, require_agreement, require_half
from inkport.export.graph import bare_onnx, name_operations, onnx_forward, openvino_forward
from inkport.export.record import derived_artifact


STAGE = "openvino_from_onnx"


def openvino_from_onnx(source: Artifact, out: Path, *, lines: Sequence[Array] = ()) -> Artifact:
    """Convert an fp32 ONNX artifact; batch and width stay dynamic, weights stay fp32, equal input gives equal bytes.

    Args:
        source: An ONNX artifact in fp32.
        out: The artifact's directory; replaced if it is there.
        lines: Prepared lines to compare on, beside noise.

    Raises:
        ExportError: If OpenVINO cannot convert it, or its logits differ from ONNX Runtime's.
    """
    import openvino as ov

    path = source.file(".onnx")
    try:
        # Not convert_model: its result has other bytes every time.
        model = ov.Core().read_model(bare_onnx(path))
        if len(model.outputs) != 1:
            # The session takes the first, which need not be the one that the specification names.
            raise ExportError(f"{STAGE}: {path}: the graph has {len(model.outputs)} outputs, expected the scores alone")
        name_operations(model)
        run_openvino = openvino_forward(model)
    except (RuntimeError, ArtifactCorruptError) as error:
        raise ExportError(f"{STAGE}: {path}: {error}") from error

    require_agreement(STAGE, source.spec, onnx_forward(path, source.spec), run_openvino, lines=lines)
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


def fp16_openvino_from_openvino(source: Artifact, out: Path, *, lines: Sequence[Array] = ()) -> Artifact:
    """Store the weights in fp16; equal input gives equal bytes.

    Args:
        source: An OpenVINO artifact in fp32.
        out: The artifact's directory; replaced if it is there.
        lines: Prepared lines to measure both on; drawn strokes if left out.

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
        expected = openvino_forward(model)
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
        half = openvino_forward(core.read_model(folder / "model.xml"))
        require_half(FP16_STAGE, source.spec, expected, half, lines)
    return load_artifact(out)
