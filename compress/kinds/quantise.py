"""``kind = "quantise"``: int8 in ONNX with settings of one's own; ``export`` takes the measured defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from inkport.compress.kinds.export import calibration_inputs, choose_lines
from inkport.compress.stage import Context, Inputs
from inkport.core.artifact import Artifact
from inkport.core.errors import ExportError, RecipeError
from inkport.core.target import Precision
from inkport.export.calibration import CALIBRATION_LINES
from inkport.export.from_onnx.int8 import Int8Options, int8_onnx_from_onnx
from inkport.export.plan import build


@dataclass(frozen=True, kw_only=True)
class QuantiseStage:
    """Keys of the table.

    Raises:
        RecipeError: If a number is out of range.
    """

    options: Int8Options = field(default_factory=Int8Options)
    """What is quantised, and how."""
    calibration_lines: int = CALIBRATION_LINES
    """Training lines that ranges are taken from; chosen by their ids alone."""

    def __post_init__(self) -> None:
        if self.calibration_lines < 1:
            raise RecipeError(f"calibration_lines must be at least 1, found {self.calibration_lines}")

    def inputs(self, context: Context) -> Inputs:
        """Return the lines to calibrate on."""
        return calibration_inputs(context)

    def make(self, parent: Artifact, out: Path, *, work: Path, context: Context) -> Artifact:  # noqa: ARG002
        """Quantise the parent's fp32 graph."""
        chosen = choose_lines(parent, context, self.calibration_lines)
        shared = context.exports / parent.digest[:16]
        try:
            graph = build(parent, format="onnx", precision=Precision.FP32, work=shared)
            return int8_onnx_from_onnx(graph, out, calibration=chosen, options=self.options)
        except ModuleNotFoundError as error:
            raise ExportError(
                f"quantising needs {error.name}, which is not installed", remedy="pip install 'inkport[export]'"
            ) from error
