"""OpenVINO IR in int8 from ONNX in fp32, by NNCF's post-training quantisation."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.artifact import Artifact, load_artifact
from inkport.core.errors import ExportError
from inkport.core.target import Precision
from inkport.export.calibration import CalibrationSet
from inkport.export.from_onnx.int8 import Int8Options, nodes_of
from inkport.export.from_onnx.openvino_ir import name_operations
from inkport.export.record import derived_artifact
from inkport.runtimes.sdk import mute_openvino


STAGE = "int8_openvino_from_onnx"
DEPTHWISE = "GroupConvolution"
"""Never quantised: OpenVINO 2026.4 compiles it in int8, then fails or returns wrong logits where widths vary."""


def int8_openvino_from_onnx(source: Artifact, out: Path, *, calibration: CalibrationSet) -> Artifact:
    """Quantise convolutions and matrix products; equal input and calibration lines give equal bytes.

    The parts that stay in fp32 are those of ONNX in int8 (``Int8Options.keep_fp32``), and depthwise
    convolutions always. NNCF sees the calibration lines one at a time, at their own widths.

    Args:
        source: An ONNX artefact in fp32.
        out: The artefact's directory; replaced if it is there.
        calibration: Lines that the ranges are taken from.

    Raises:
        ExportError: If the quantiser fails, or OpenVINO cannot run what it made on lines of several widths.
    """
    mute_openvino()
    import nncf
    import onnx
    import openvino as ov

    path = source.file(".onnx")
    kept = Int8Options().keep_fp32
    try:
        model = ov.Core().read_model(path)
        # Before too: NNCF keeps the names that it finds, and those are not the same twice.
        name_operations(model)
        scope = nncf.IgnoredScope(types=[DEPTHWISE], names=_operations(model, nodes_of(onnx.load(path), kept)))
        with _quiet():
            quantised = nncf.quantize(
                model,
                nncf.Dataset(list(calibration.inputs)),
                subset_size=len(calibration.inputs),
                ignored_scope=scope,
            )
        name_operations(quantised)
        _try_widths(quantised, calibration.inputs)
    except (RuntimeError, nncf.ValidationError, nncf.InternalError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ExportError(f"{STAGE}: {path}: {reason}") from error
    with derived_artifact(
        out,
        source,
        stage=STAGE,
        format="openvino",
        precision=Precision.INT8,
        tools=("openvino", "nncf"),
        options={"keep_fp32": [str(part) for part in kept], "ignored_types": [DEPTHWISE]},
        calibration=calibration.record,
    ) as folder:
        ov.save_model(quantised, folder / "model.xml", compress_to_fp16=False)
    return load_artifact(out)


def _operations(model: Any, nodes: Sequence[str]) -> list[str]:
    """Return the names of the OpenVINO operations that compute these ONNX nodes.

    A convolution with a bias becomes an addition that has the node's name, after the convolution itself.
    """
    weighted = {f"{node}{suffix}" for node in nodes for suffix in ("", "/WithoutBiases")}
    return [
        operation.get_friendly_name()
        for operation in model.get_ordered_ops()
        if operation.get_friendly_name() in weighted and operation.get_type_name() not in {"Add", DEPTHWISE}
    ]


def _try_widths(model: Any, inputs: Sequence[npt.NDArray[np.float32]]) -> None:
    """Run lines of several widths: some faults of int8 kernels show only when the width changes.

    Raises:
        ExportError: If a run fails, or logits are not finite or of no frames.
    """
    import openvino as ov

    compiled = ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    by_width = {image.shape[3]: image for image in inputs}
    for image in by_width.values():
        logits = np.asarray(compiled([image])[0])
        if not logits.size or not np.isfinite(logits).all():
            raise ExportError(f"{STAGE}: logits of images {image.shape} have shape {logits.shape} or are not finite")


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence NNCF's progress bars and notes."""
    logger = logging.getLogger("nncf")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
