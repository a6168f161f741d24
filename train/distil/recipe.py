"""The section ``[distil]`` of a training recipe."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from inkport.core.errors import RecipeError


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
