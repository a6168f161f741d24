"""``kind = "export"``: another format or precision, as ``inkport export`` makes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from inkport.compress.graph import suggestion
from inkport.compress.stage import Context, Inputs
from inkport.compress.store import copy_artifact
from inkport.core.artifact import Artifact
from inkport.core.errors import RecipeError
from inkport.core.target import Precision
from inkport.export.plan import STAGES, build
from inkport.export.quantize.calibration import CALIBRATION_LINES, CalibrationSet, choose_calibration
from inkport.lines.audit import Problem
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
