"""Predicted against observed flips: what is asked for, and what is added to the envelope."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from inkport.benchmarks.measure.flip_prediction import PROBES
from inkport.benchmarks.report.envelope import Check
from inkport.benchmarks.run.options import Options


class Surprise(StrEnum):
    """How the observed flips lie to the predicted ones."""

    NONE = "as predicted"
    """Within the interval: the errors are the kind that the probe lines showed."""
    MORE = "more than predicted"
    """Above it: something else than rounding changes text, on lines that the probe lines do not resemble."""
    FEWER = "fewer than predicted"
    """Below it."""


@dataclass(frozen=True, kw_only=True)
class ForecastOptions(Options):
    """What `inkport margins` is asked for."""

    probes: int = PROBES
    """Lines that the errors are learned from."""
    fragile: int = 50
    """How many of the most fragile lines are listed and looked at."""
    observe: bool = True
    """Whether the other lines were read, too, to compare the prediction with what happens."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(probes=1, fragile=0)


@dataclass(frozen=True, kw_only=True)
class FragileLine:
    """A line that is close to changing."""

    id: str
    """The line's id."""
    threshold: float | None
    """Smallest margin that matters, in logits; absent if no change of one frame changes the text."""


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Lines whose predicted probabilities are alike, and how many of them flipped."""

    low: float
    """Lowest probability."""
    high: float
    """Highest probability, excluded but for 1."""
    lines: int
    """Lines."""
    expected: float
    """Sum of their probabilities."""
    observed: int
    """Lines that flipped."""


@dataclass(frozen=True, kw_only=True)
class FlipForecast:
    """What was predicted for a target, and what came."""

    probes: int
    """Lines that the errors were learned from."""
    frames: int
    """Frames of those lines."""
    error_rms: float
    """Root mean square of the errors between the two best labels, in logits."""
    error_mean: float
    """Their mean: the model takes it for zero, and a port that is off to one side shows it here."""
    probe_flips: int
    """Probe lines that read differently; not among the others."""
    lines: int
    """Lines that the prediction is about: all but the probe lines, or the target's sample of them."""
    expected: float
    """Expected number of them that read differently."""
    interval: tuple[float, float]
    """Where that number lies, at 95 %."""
    observed: int | None
    """How many did; absent if they were not read."""
    surprise: Surprise | None
    """How that lies to the interval; absent if they were not read."""
    fragile_lines: int
    """The most fragile ones among the lines."""
    fragile_flips: int | None
    """How many of those read differently."""
    bins: tuple[Bin, ...]
    """The lines by predicted probability; none if they were not read."""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What `inkport margins` finds out about a target; it passes if it ran: how many flip is for verify to judge."""

    forecast: FlipForecast | None = None
    """The prediction; absent if it did not run."""


@dataclass(frozen=True, kw_only=True)
class Fragile:
    """What `inkport margins` finds out about the lines."""

    fragile: tuple[FragileLine, ...] = ()
    """The most fragile lines, most fragile first."""


MARGINS = Check("margins", ForecastOptions, (Fragile,), (Forecast,))
"""Predicted against observed flips; texts of the lines are not used."""
