"""OpenVINO IR in int8 from ONNX in fp32, by NNCF's post-training quantisation."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.artifact import Artifact, load_artifact
from inkport.core.config import to_plain
from inkport.core.errors import ExportError, ExportRequestError
from inkport.core.target import Precision
from inkport.export.from_onnx.openvino_ir import name_operations
from inkport.export.graph import bare_onnx
from inkport.export.quantize.accuracy import AccuracyControl, Drop, ValidationSet, validation_function
from inkport.export.quantize.calibration import CalibrationSet
from inkport.export.quantize.onnx_int8 import Int8Options, Part, nodes_of
from inkport.export.quiet_converter import failing
from inkport.export.record import derived_artifact
from inkport.runtimes.onnx_files import load_onnx


STAGE = "int8_openvino_from_onnx"
DEPTHWISE = "GroupConvolution"
"""Never quantised: OpenVINO 2026.4 compiles it in int8, then fails or returns wrong logits where widths vary."""


@dataclass(frozen=True, kw_only=True)
class OpenVinoInt8Options:
    """What is quantised, and how far the CER may rise."""

    keep_fp32: tuple[Part, ...] = Int8Options.keep_fp32
    """Parts that are not quantised; depthwise convolutions never are."""
    accuracy: AccuracyControl | None = None
    """If given, operators go back to fp32 until the CER on validation lines holds; needs those lines."""


def int8_openvino_from_onnx(
    source: Artifact,
    out: Path,
    *,
    calibration: CalibrationSet,
    options: OpenVinoInt8Options | None = None,
    validation: ValidationSet | None = None,
) -> Artifact:
    """Quantise convolutions and matrix products; equal input and calibration lines give equal bytes.

    The parts that stay in fp32 are those of ONNX in int8 (``Int8Options.keep_fp32``) unless told otherwise, and
    depthwise convolutions always. NNCF sees the calibration lines one at a time, at their own widths.

    Args:
        source: An ONNX artefact in fp32.
        out: The artefact's directory; replaced if it is there.
        calibration: Lines that the ranges are taken from.
        options: What is quantised; ``OpenVinoInt8Options()`` if None.
        validation: Lines that ``options.accuracy`` measures the CER on; never calibration or test lines.

    Raises:
        ExportError: If the quantiser fails, OpenVINO cannot run what it made on lines of several widths, there is
            accuracy control and no validation lines, or the CER cannot be held.
    """
    import nncf
    import openvino as ov

    options = options or OpenVinoInt8Options()
    if options.accuracy and validation is None:
        raise ExportRequestError(f"{STAGE}: accuracy control measures the CER, and there are no validation lines")
    path = source.file(".onnx")
    drop: Drop | None = None
    with failing(STAGE, path):
        model = ov.Core().read_model(bare_onnx(path))
        # Before too: NNCF keeps the names that it finds, and those are not the same twice.
        name_operations(model)
        names = _operations(model, nodes_of(load_onnx(path), options.keep_fp32))
        # NNCF refuses to ignore what is not there.
        there = any(operation.get_type_name() == DEPTHWISE for operation in model.get_ordered_ops())
        scope = nncf.IgnoredScope(types=[DEPTHWISE] if there else [], names=names)
        data = nncf.Dataset(list(calibration.inputs))
        with _quiet():
            quantised = nncf.quantize(model, data, subset_size=len(calibration.inputs), ignored_scope=scope)
            if options.accuracy and validation:
                measure = validation_function(source.spec, validation)
                everything = _unquantized(quantised)
                quantised = nncf.quantize_with_accuracy_control(
                    model,
                    data,
                    nncf.Dataset(list(range(len(validation.inputs)))),
                    measure,
                    max_drop=options.accuracy.max_drop / 100,
                    subset_size=len(calibration.inputs),
                    ignored_scope=scope,
                    advanced_accuracy_restorer_parameters=options.accuracy.restorer(),
                )
                returned = sorted(_unquantized(quantised) - everything)
                drop = Drop.measure(measure, model, quantised, returned, len(validation.inputs))
        name_operations(quantised)
        _try_widths(quantised, calibration.inputs)
    settings: dict[str, Any] = {"keep_fp32": [str(part) for part in options.keep_fp32], "ignored_types": [DEPTHWISE]}
    if options.accuracy and validation and drop:
        options.accuracy.check(drop)
        settings["accuracy"] = {
            **to_plain(options.accuracy),
            **to_plain(drop),
            "validation": to_plain(validation.record),
        }
    with derived_artifact(
        out,
        source,
        stage=STAGE,
        format="openvino",
        precision=Precision.INT8,
        tools=("openvino", "nncf"),
        options=settings,
        calibration=calibration.record,
    ) as folder:
        ov.save_model(quantised, folder / "model.xml", compress_to_fp16=False)
    return load_artifact(out)


def _unquantized(model: Any) -> set[str]:
    """Return the names of the convolutions and matrix products that have no quantised value as a direct operand.

    Some that are quantised are among them, since the quantiser may lie before a reshape; what one model has and
    another lacks is what tells.
    """
    return {
        operation.get_friendly_name().removesuffix("/WithoutBiases")
        for operation in model.get_ordered_ops()
        if operation.get_type_name() in {"Convolution", "MatMul"}
        and not any(_is_quantized(operation.input_value(port).get_node()) for port in (0, 1))
    }


def _is_quantized(operand: Any) -> bool:
    # Stored weights of 8 bits are converted and multiplied by their step.
    kinds = ("Multiply", "Convert")
    return operand.get_type_name() == "FakeQuantize" or (
        operand.get_type_name() in kinds
        and operand.input_value(0).get_node().get_type_name() in {"Convert", "Subtract"}
    )


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
