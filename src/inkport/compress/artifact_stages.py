"""Stages that make artifacts: ``export`` with the measured defaults, ``quantise`` for int8 with one's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from inkport.compress.stage import Context, Inputs, suggestion
from inkport.compress.store import copy_artifact
from inkport.core.artifact import Artifact
from inkport.core.errors import ExporterUnavailableError, RecipeError, needing
from inkport.core.target import Precision
from inkport.export.plan import STAGES, build
from inkport.export.quantize.calibration import CALIBRATION_LINES, CalibrationSet, choose_calibration
from inkport.export.quantize.onnx_int8 import Int8Options, int8_onnx_from_onnx
from inkport.export.quantize.openvino_int8 import OpenVinoInt8Options, ValidationSet, int8_openvino_from_onnx
from inkport.export.quantize.search.blank_bias import correct_blank_bias
from inkport.export.quantize.search.meter import Meter
from inkport.lines.audit import Audit, audit_for
from inkport.lines.problem import Problem
from inkport.lines.source import read_lines


@dataclass(frozen=True, kw_only=True)
class ExportStage:
    """Keys of the table.

    Raises:
        RecipeError: If a number is out of range, or no exporter makes what is wanted.
    """

    format: str
    """Format of the artifact."""
    precision: Precision
    """Its number format."""
    calibration_lines: int = CALIBRATION_LINES
    """Training lines that int8 takes its ranges from; chosen by their ids alone."""

    def __post_init__(self) -> None:
        if self.calibration_lines < 1:
            raise RecipeError(f"calibration_lines must be at least 1, found {self.calibration_lines}")
        known = ["-".join(stage.target) for stage in STAGES]
        if (wanted := f"{self.format}-{self.precision}") not in known:
            raise RecipeError(f"no exporter makes {self.format} {self.precision}", remedy=suggestion(wanted, known))

    def inputs(self, context: Context) -> Inputs:
        """Return the lines to calibrate on, if the way there quantizes."""
        return calibration_inputs(context) if self._calibrated else Inputs()

    def make(self, parent: Artifact, out: Path, *, work: Path, context: Context) -> Artifact:  # noqa: ARG002
        """Export; what lies on the way is shared by all exports of the parent."""
        chosen = choose_lines(parent, context, self.calibration_lines) if self._calibrated else None
        made = build(
            parent,
            format=self.format,
            precision=self.precision,
            work=context.exports / parent.digest[:16],
            calibration=chosen,
        )
        return copy_artifact(made, out)

    @property
    def _calibrated(self) -> bool:
        makers = {stage.target: stage for stage in STAGES}
        wanted = (self.format, self.precision)
        while (maker := makers.get(wanted)) is not None:
            if maker.calibrated:
                return True
            wanted = maker.source
        return False


def calibration_inputs(context: Context) -> Inputs:
    """Return that a stage depends on the lines to calibrate on."""
    return Inputs(digests={"train": context.index.digests(_sources(context))})


def choose_lines(parent: Artifact, context: Context, count: int) -> CalibrationSet:
    """Choose lines to calibrate on from the recipe's training lines.

    Raises:
        LineDataError: If there is no usable line, or a chosen line has an unusable image that may not be skipped.
    """
    return choose_calibration(
        read_lines(_sources(context)),
        parent.spec.preprocess,
        count=count,
        skip_bad_images=Problem.BAD_IMAGE in context.lines.skip,
    )


def _sources(context: Context) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(context.found.train))


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
        """Quantize the parent's fp32 graph."""
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
