"""What ``inkport bench`` is asked for, and what it adds to the envelope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from inkport.benchmarks.measure.width_cost import Curve
from inkport.benchmarks.report.envelope import Check
from inkport.benchmarks.run.fresh import Fresh
from inkport.benchmarks.run.latency import HostTimes
from inkport.benchmarks.run.loadgen import MIN_DURATION_MS, LoadGenResult
from inkport.benchmarks.run.noise import Noise
from inkport.benchmarks.run.peaks import Peaks
from inkport.benchmarks.run.request import Options
from inkport.benchmarks.run.scenarios import Figures, Scenario, StopRule
from inkport.benchmarks.run.sustained import Drift, Overhead
from inkport.core.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class BenchOptions(Options):
    """What was asked for.

    Raises:
        UsageError: If a number is out of range.
    """

    scenarios: tuple[Scenario, ...] = (Scenario.SINGLE_STREAM,)
    """Scenarios, in the order in which they run."""
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

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(fresh=0, loadgen_ms=1, sustained_minutes=0)
        if self.sustained_minutes == 1:
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
class Measured:
    """What `inkport bench` measures of a target."""

    fresh: Fresh | None = None
    """Cold start, first calls and memory; absent if left out."""
    scenarios: tuple[Figures, ...] = ()
    """Warm figures, by scenario."""
    curve: Curve | None = None
    """Time against width, from the single-stream scenario; absent without it."""
    efficiency: tuple[Efficiency, ...] = ()
    """At the median width and at the widest; empty without a curve, or where operations cannot be counted."""
    overhead: Overhead | None = None
    """The harness against a bare loop; absent if left out."""
    loadgen: tuple[LoadGenResult, ...] = ()
    """The scenarios through LoadGen; empty if left out."""
    drift: Drift | None = None
    """The sustained run; absent if left out."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What `inkport bench` measures of all targets together."""

    baseline: str | None = None
    """Name of the target that speed-ups refer to: fp32 in ONNX Runtime, if it was measured."""
    host: HostTimes | None = None
    """Preparing and decoding, the same for every target."""
    peaks: Peaks | None = None
    """The machine's peaks; absent if left out."""
    noise: Mapping[str, Noise] = field(default_factory=dict)
    """How steady the machine was: by scenario, and in the ``sustained`` run."""


BENCH = Check("bench", BenchOptions, (Bench,), (Measured,))
"""How fast targets are."""
