"""Settings of quantisation-aware training."""

from __future__ import annotations

from dataclasses import dataclass

from inkport.core.errors import RecipeError


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
