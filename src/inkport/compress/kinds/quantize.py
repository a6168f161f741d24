"""``kind = "quantise"``: int8 with settings of one's own; ``export`` takes the measured defaults."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from inkport.compress.kinds.export import calibration_inputs, choose_lines
from inkport.compress.stage import Context, Inputs
from inkport.core.artifact import Artifact
from inkport.core.errors import ExporterUnavailableError, RecipeError, needing
from inkport.core.target import Precision
from inkport.export.plan import build
from inkport.export.quantize.accuracy import ValidationSet
from inkport.export.quantize.calibration import CALIBRATION_LINES, CalibrationSet
from inkport.export.quantize.onnx_int8 import Int8Options, int8_onnx_from_onnx
from inkport.export.quantize.openvino_int8 import OpenVinoInt8Options, int8_openvino_from_onnx
from inkport.export.quantize.search.blank_bias import correct_blank_bias
from inkport.export.quantize.search.meter import Meter
from inkport.lines.audit import Audit, audit_for
from inkport.lines.source import read_lines


@dataclass(frozen=True, kw_only=True)
class QuantizeStage:
    """Keys of the table.

    Raises:
        RecipeError: If there is not exactly one table of settings, or a number is out of range.
    """

    onnx: Int8Options | None = None
    """What is quantized in ONNX, and how."""
    openvino: OpenVinoInt8Options | None = None
    """The same in OpenVINO; its accuracy control measures the CER on val."""
    blank_bias: bool = False
    """Whether the blank's offset is then chosen by the CER on val; in ONNX alone."""
    calibration_lines: int = CALIBRATION_LINES
    """Training lines that ranges are taken from; chosen by their ids alone."""

    def __post_init__(self) -> None:
        if (self.onnx is None) == (self.openvino is None):
            raise RecipeError("a quantize stage has either a table 'onnx' or a table 'openvino'")
        if self.blank_bias and self.onnx is None:
            raise RecipeError("blank_bias is for ONNX")
        if self.calibration_lines < 1:
            raise RecipeError(f"calibration_lines must be at least 1, found {self.calibration_lines}")

    def inputs(self, context: Context) -> Inputs:
        """Return the lines to calibrate on and, where something is chosen by them, those of val."""
        found = calibration_inputs(context)
        if not self._chooses:
            return found
        return Inputs(digests={**found.digests, "val": context.index.digests(context.found.val)})

    def make(self, parent: Artifact, out: Path, *, work: Path, context: Context) -> Artifact:
        """Quantise the parent's fp32 graph."""
        chosen = choose_lines(parent, context, self.calibration_lines)
        audit = None
        if self._chooses:
            audit = audit_for(read_lines(context.found.val), parent.spec, skip=context.lines.skip)
        shared = context.exports / parent.digest[:16]
        with needing("quantizing", extra="export,nncf", error=ExporterUnavailableError):
            graph = build(parent, format="onnx", precision=Precision.FP32, work=shared)
            return self._quantize(graph, out, work, chosen, audit)

    @property
    def _chooses(self) -> bool:
        return self.blank_bias or (self.openvino is not None and self.openvino.accuracy is not None)

    def _quantize(
        self, graph: Artifact, out: Path, work: Path, chosen: CalibrationSet, audit: Audit | None
    ) -> Artifact:
        if self.openvino is not None:
            validation = ValidationSet.of(audit) if audit else None
            return int8_openvino_from_onnx(graph, out, calibration=chosen, options=self.openvino, validation=validation)
        if audit is None:
            return int8_onnx_from_onnx(graph, out, calibration=chosen, options=self.onnx)
        plain = int8_onnx_from_onnx(graph, work / "plain", calibration=chosen, options=self.onnx)
        return correct_blank_bias(plain, out, meter=Meter(graph, audit, probes=1))[0]
