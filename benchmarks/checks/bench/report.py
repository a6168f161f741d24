"""The report of ``inkport bench``; ``bench.schema.json`` beside this file is its JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from inkport.benchmarks.measure.width_cost import Curve
from inkport.benchmarks.report.envelope import ArtifactInfo, DataInfo, ModelInfo
from inkport.benchmarks.run.environment import Environment
from inkport.benchmarks.run.host_times import HostTimes
from inkport.benchmarks.run.machine.fresh import Fresh
from inkport.benchmarks.run.machine.noise import Noise
from inkport.benchmarks.run.machine.peaks import Peaks
from inkport.benchmarks.run.scenarios.figures import Figures
from inkport.benchmarks.run.scenarios.loadgen import MIN_DURATION_MS, LoadGenResult
from inkport.benchmarks.run.scenarios.overhead import Overhead
from inkport.benchmarks.run.scenarios.queries import Scenario
from inkport.benchmarks.run.scenarios.stopping import StopRule
from inkport.benchmarks.run.scenarios.sustained import Drift
from inkport.core.config import to_plain
from inkport.core.errors import UsageError
from inkport.core.target import Precision


SCHEMA = 1
"""Version of the report; it changes when a field changes its meaning or goes away."""


class Status(StrEnum):
    """How far a target came."""

    MEASURED = "measured"
    """Everything that was asked for was measured."""
    UNAVAILABLE = "unavailable"
    """It cannot run here, or not in the engine that it is made for."""
    FAILED = "failed"
    """It failed; what had been measured before is there."""


@dataclass(frozen=True, kw_only=True)
class BenchOptions:
    """What was asked for.

    Raises:
        UsageError: If a number is out of range.
    """

    scenarios: tuple[Scenario, ...] = (Scenario.SINGLE_STREAM,)
    """Scenarios, in the order in which they run."""
    threads: int = 1
    """Threads that every target computes with, unless its options say otherwise."""
    rule: StopRule = field(default_factory=StopRule)
    """When a scenario stops."""
    fresh: int = 3
    """Fresh processes per target; 0 leaves cold start, first calls and memory out."""
    peaks: bool = True
    """Whether the machine's peaks are measured."""
    overhead: bool = False
    """Whether the harness is compared with a bare loop."""
    sustained_minutes: int = 0
    """Length of the sustained run; 0 leaves it out."""
    loadgen: bool = False
    """Whether the scenarios also run through LoadGen."""
    loadgen_ms: int = MIN_DURATION_MS
    """Shortest run under LoadGen, in milliseconds."""
    seed: int = 0
    """Of all random choices."""

    def __post_init__(self) -> None:
        if self.threads < 1 or self.fresh < 0 or self.loadgen_ms < 1:
            raise UsageError("threads and the time under LoadGen must be at least 1, fresh processes at least 0")
        if self.sustained_minutes < 0 or self.sustained_minutes == 1:
            raise UsageError("a sustained run takes at least 2 minutes: the last is compared with the first")


@dataclass(frozen=True, kw_only=True)
class Efficiency:
    """What a target makes of the machine at one width, by the fitted time."""

    width_px: int
    """The width."""
    macs: int
    """Multiply-accumulates of a line, counted in the fp32 ONNX graph."""
    gmac_per_s: float
    """Billions of them per second."""
    of_peak: float | None
    """Share of the peak measured in its precision; absent where that was not measured."""
    gb_per_s: float
    """Operands of these operators, each once, in billions of bytes per second."""
    of_bandwidth: float | None
    """Share of the copy rate; above 1 where the caches serve what memory need not."""


@dataclass(frozen=True, kw_only=True)
class BenchTarget:
    """Everything measured on one target."""

    name: str
    """Its name."""
    runtime: str
    """Its runtime."""
    runtime_version: str
    """Version of the SDK."""
    device: str
    """Its device."""
    precision: Precision
    """Its number format."""
    options: Mapping[str, str]
    """Options of its runtime."""
    status: Status
    """How far it came."""
    reason: str
    """Why it did not come further; empty if it did."""
    artifact: ArtifactInfo | None
    """What it ran."""
    fresh: Fresh | None
    """Cold start, first calls and memory; absent if left out."""
    scenarios: tuple[Figures, ...]
    """Warm figures, by scenario."""
    curve: Curve | None
    """Time against width, from the single-stream scenario; absent without it."""
    efficiency: tuple[Efficiency, ...]
    """At the median width and at the widest; empty without a curve, or where operations cannot be counted."""
    overhead: Overhead | None
    """The harness against a bare loop; absent if left out."""
    loadgen: tuple[LoadGenResult, ...]
    """The scenarios through LoadGen; empty if left out."""
    drift: Drift | None
    """The sustained run; absent if left out."""


@dataclass(frozen=True, kw_only=True)
class BenchReport:
    """Everything that one run measured."""

    created: str
    """When, in UTC (ISO 8601)."""
    model: ModelInfo
    """Of which model."""
    data: DataInfo
    """On which lines."""
    options: BenchOptions
    """As asked for."""
    environment: Environment
    """Where."""
    baseline: str | None
    """Name of the target that speed-ups refer to: fp32 in ONNX Runtime, if it was measured."""
    host: HostTimes | None
    """Preparing and decoding, the same for every target."""
    peaks: Peaks | None
    """The machine's peaks; absent if left out."""
    noise: Mapping[str, Noise]
    """How steady the machine was: by scenario, and in the ``sustained`` run."""
    targets: tuple[BenchTarget, ...]
    """One entry per target."""

    def to_json(self) -> str:
        """Return the document, as ``bench.schema.json`` describes it."""
        document: Mapping[str, Any] = {"schema": SCHEMA, **to_plain(self)}
        return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
