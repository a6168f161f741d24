"""Sections of a recipe that are off unless they are there: objectives beside CTC, a teacher, int8 in training."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from inkport.core.errors import RecipeError


MOST_EMBEDDING = 4096
"""Widest embedding of a character; the published one has 256."""
MOST_NEIGHBOURS = 100
"""Most characters on each side: more than half of the longest line."""


@dataclass(frozen=True, kw_only=True)
class ConsistencyRecipe:
    """Two views of each line that must be read alike: twice the work per step.

    Raises:
        RecipeError: If the weight is not above 0.
    """

    weight: float = 0.2
    """Weight of the divergence between the views, as published."""

    def __post_init__(self) -> None:
        if self.weight <= 0:
            raise RecipeError(
                f"consistency.weight must be above 0, found {self.weight}", remedy="leave [consistency] out"
            )


@dataclass(frozen=True, kw_only=True)
class ContextRecipe:
    """The Textual Context Module, whose sizes are the published ones.

    Raises:
        RecipeError: If a value is out of range.
    """

    weight: float = 0.25
    """Weight of its loss. Published: 1, beside 0.1 times CTC per line; beside CTC per label, this at 40 labels."""
    embedding: int = 256
    """Width of a character's embedding."""
    window: int = 5
    """Characters on each side that name the one between them."""
    dropout: float = 0.1
    """Dropout of its attention."""

    def __post_init__(self) -> None:
        if self.weight <= 0:
            raise RecipeError(f"tcm.weight must be above 0, found {self.weight}", remedy="leave [tcm] out")
        whole = 1 <= self.embedding <= MOST_EMBEDDING and 1 <= self.window <= MOST_NEIGHBOURS
        if not whole or not 0 <= self.dropout < 1:
            raise RecipeError(
                f"tcm: embedding must be within 1..{MOST_EMBEDDING}, window within 1..{MOST_NEIGHBOURS}, "
                f"dropout within 0..1, found {self}"
            )


MOST_WINDOW = 512
"""Most frames on either side: all of the widest line."""


class Frames(StrEnum):
    """Which frames of a line the frame-level loss compares."""

    WINDOW = "window"
    """Frames that the teacher reads as a symbol, and ``window`` frames on either side of each."""
    ALL = "all"
    """Every frame of the line, for comparison: nearly all of them are blank."""


class View(StrEnum):
    """What the teacher sees of a line, where frames or features are compared."""

    STUDENT = "student"
    """The student's own augmented image."""
    MOVED = "moved"
    """The line with the geometry of that image alone: its strokes and light as they are, and nothing covered."""


@dataclass(frozen=True, kw_only=True)
class DistilRecipe:
    """What a teacher adds to a training; a weight of 0 switches a part off.

    Raises:
        RecipeError: If a value is out of range, all weights are 0, or ``view`` is set where nothing asks for it.
    """

    teacher: Path
    """Weights of the teacher, relative to the recipe: same stride, charset and preprocessing; any network."""
    more: tuple[Path, ...] = ()
    """Weights of further teachers, which must fit as the first: all speak with one voice, ``Ensemble``."""
    ctc: float = 1.0
    """Weight of the CTC loss against the transcriptions."""
    frame: float = 0.0
    """Weight of the divergence from the teacher's probabilities on the selected frames."""
    sequence: float = 0.0
    """Weight of the CTC loss against the teacher's readings."""
    feature: float = 0.0
    """Weight of the distance from the teacher's features."""
    temperature: float = 1.0
    """Temperature of both sides of the frame-level loss."""
    frames: Frames = Frames.WINDOW
    """Which frames the frame-level loss compares."""
    window: int = 2
    """Frames on either side of each one that the teacher reads as a symbol; 0 leaves out every blank frame."""
    view: View = View.STUDENT
    """What the teacher sees."""

    def __post_init__(self) -> None:
        weights = {"ctc": self.ctc, "frame": self.frame, "sequence": self.sequence, "feature": self.feature}
        if min(weights.values()) < 0 or max(weights.values()) == 0:
            raise RecipeError(f"distil: weights must be at least 0, and one of them above 0; found {weights}")
        if self.temperature <= 0 or not 0 <= self.window <= MOST_WINDOW:
            raise RecipeError(
                f"distil: temperature must be above 0 and window within 0..{MOST_WINDOW}, "
                f"found {self.temperature} and {self.window}"
            )
        if self.view is View.MOVED and max(self.frame, self.feature) == 0:
            raise RecipeError(
                'distil: view = "moved" changes nothing where neither frames nor features are compared',
                remedy="give distil.frame or distil.feature a weight above 0, or leave distil.view out",
            )

    @property
    def teachers(self) -> tuple[Path, ...]:
        """Weights of all teachers, the first one first."""
        return (self.teacher, *self.more)

    @property
    def teaches(self) -> bool:
        """Whether the teacher has a say at all."""
        return max(self.frame, self.sequence, self.feature) > 0


@dataclass(frozen=True, kw_only=True)
class QatRecipe:
    """How a training sees the int8 network that will be deployed; docs/qat.md describes the method.

    Raises:
        RecipeError: If a value is out of range.
    """

    calibration_lines: int = 64
    """Training lines that the first ranges are measured on; chosen by their ids alone."""
    freeze_after: float = 0.2
    """Share of the steps after which the statistics of batch norms stand still, so that training ends on the
    folded weights that are exported (Krishnamoorthi, arXiv 1806.08342, section 3.2.2)."""
    range_rate: float = 10.0
    """Learning rate of the ranges' logarithms, as a multiple of the weights' rate; 0 leaves the ranges as measured."""

    def __post_init__(self) -> None:
        if self.calibration_lines < 1:
            raise RecipeError(f"qat: calibration_lines must be at least 1, found {self.calibration_lines}")
        if not (0 <= self.freeze_after <= 1 and self.range_rate >= 0):
            raise RecipeError("qat: freeze_after must be within 0..1 and range_rate at least 0")
