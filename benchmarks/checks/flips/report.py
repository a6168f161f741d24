"""Predicted against observed flips, as one document; ``margins.schema.json`` beside this file is its schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from inkport.benchmarks.report.envelope import ArtifactInfo, DataInfo, ModelInfo, ReferenceInfo
from inkport.benchmarks.run.environment import Environment
from inkport.benchmarks.run.outcome import Outcome, exit_code
from inkport.core.config import to_plain
from inkport.core.target import Precision


SCHEMA = 1
"""Version of the document; it changes when a field changes its meaning or goes away."""


class Surprise(StrEnum):
    """How the observed flips lie to the predicted ones."""

    NONE = "as predicted"
    """Within the interval: the errors are the kind that the probe lines showed."""
    MORE = "more than predicted"
    """Above it: something else than rounding changes text, on lines that the probe lines do not resemble."""
    FEWER = "fewer than predicted"
    """Below it."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What was asked for."""

    threads: int
    """Threads that each target computes with."""
    probes: int
    """Lines that the errors are learnt from."""
    fragile: int
    """How many of the most fragile lines are listed and looked at."""
    observe: bool
    """Whether the other lines were read, too, to compare the prediction with what happens."""
    seed: int = 0
    """Of the choice of lines and of the draws."""
    skip: tuple[str, ...] = ()
    """Problems whose lines are left out."""


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
    """Lines that the errors were learnt from."""
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
class TargetForecast:
    """One target."""

    name: str
    """Name of the target."""
    runtime: str
    """Its runtime."""
    runtime_version: str
    """Version of the runtime's SDK, empty if unknown."""
    device: str
    """Its device."""
    precision: Precision
    """Its number format."""
    required: bool
    """Whether its absence is a failure of the run."""
    outcome: Outcome
    """``pass`` if it ran, else where it failed; how many lines flip is for ``inkport verify`` to judge."""
    reason: str
    """Why it did not run."""
    artifact: ArtifactInfo | None
    """What it ran."""
    forecast: FlipForecast | None
    """The prediction; absent if it did not run."""


@dataclass(frozen=True, kw_only=True)
class MarginsReport:
    """Everything that one run found out."""

    created: str
    """When, in UTC (ISO 8601)."""
    model: ModelInfo
    """Which model."""
    data: DataInfo
    """On which lines; their texts are not used."""
    reference: ReferenceInfo
    """Whose margins."""
    options: Options
    """As asked for."""
    environment: Environment
    """Where."""
    fragile: tuple[FragileLine, ...]
    """The most fragile lines, most fragile first."""
    targets: tuple[TargetForecast, ...]
    """One entry per target, in the order of the targets file."""

    @property
    def exit_code(self) -> int:
        """0 every target ran, 1 one failed, 3 a required one is not available."""
        return exit_code((target.outcome, target.required) for target in self.targets)

    def to_json(self) -> str:
        """Return the document, as ``margins.schema.json`` describes it."""
        document: Mapping[str, Any] = {"schema": SCHEMA, "exit_code": self.exit_code, **to_plain(self)}
        return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
