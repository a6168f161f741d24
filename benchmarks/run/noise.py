"""The machine's noise floor: how much a load that never changes seems to change."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations
from math import exp, log

import numpy as np

from inkport.benchmarks.measure.quantiles import Quantile
from inkport.benchmarks.run.environment import Conditions, read_conditions


RUNS = 15
"""Runs of the load per moment; their median counts, so that one interruption does not."""
PAIRS = 0.95
"""Share of the pairs of moments whose difference lies within the floor."""


class Difference(StrEnum):
    """What can be said about a target's speed against the baseline's."""

    FASTER = "faster"
    """It is faster, beyond the noise floor."""
    SLOWER = "slower"
    """It is slower, beyond the noise floor."""
    NONE = "none"
    """No difference beyond the noise floor."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """The calibration load at one moment of a run, and the machine's state then."""

    at_s: float
    """Seconds since the first moment."""
    load_ms: float
    """Median time of the load."""
    conditions: Conditions
    """The machine's state."""


@dataclass(frozen=True, kw_only=True)
class Noise:
    """How steady the machine was."""

    floor: float
    """Relative difference that the machine makes by itself: 95 % of the pairs of moments differ by less."""
    moments: tuple[Moment, ...]
    """Before, between and after what was measured."""

    def difference(self, ratio: Quantile) -> Difference:
        """Judge how many times faster a target is than the baseline.

        A difference counts if it lies beyond the floor, and so does the whole interval beyond 1.
        """
        certain = ratio.low is not None and ratio.high is not None and not ratio.low <= 1 <= ratio.high
        if not certain or abs(log(ratio.value)) <= log(1 + self.floor):
            return Difference.NONE
        return Difference.FASTER if ratio.value > 1 else Difference.SLOWER


def calibration_load() -> None:
    """Compute something fixed on one thread: small matrix products, and a pass over a few megabytes.

    The products are so small that no BLAS library starts threads for them (OpenBLAS: up to 64 x 64 x 64).
    """
    for _ in range(100):
        np.matmul(_SQUARE, _SQUARE, out=_PRODUCT)
    np.multiply(_STREAM, np.float32(0.5), out=_SINK)


_SQUARE = np.full((64, 64), 0.5, dtype=np.float32)
_PRODUCT = np.empty_like(_SQUARE)
_STREAM = np.ones(1_000_000, dtype=np.float32)
_SINK = np.empty_like(_STREAM)


@dataclass
class NoiseMeter:
    """Takes the moments; call ``sample`` before, between and after what is measured."""

    load: Callable[[], None] = calibration_load
    """The load, always the same."""
    conditions: Callable[[], Conditions] = read_conditions
    """Reads the machine's state."""
    clock: Callable[[], int] = time.perf_counter_ns
    """What the load is timed with, in nanoseconds."""
    moments: list[Moment] = field(default_factory=list)
    """Taken so far."""
    _start_ns: int | None = None

    def sample(self) -> None:
        """Run the load ``RUNS`` times and remember the median; the first run is not counted."""
        self.load()
        times = []
        for _ in range(RUNS):
            start = self.clock()
            self.load()
            # A clock too coarse for the load must not make it take no time at all.
            times.append(max(1, self.clock() - start))
        now = self.clock()
        self._start_ns = now if self._start_ns is None else self._start_ns
        self.moments.append(
            Moment(
                at_s=round((now - self._start_ns) / 1e9, 3),
                load_ms=float(np.median(times)) / 1e6,
                conditions=self.conditions(),
            )
        )

    def noise(self) -> Noise:
        """Return the floor from all moments so far, at least two."""
        return Noise(floor=noise_floor([moment.load_ms for moment in self.moments]), moments=tuple(self.moments))


def noise_floor(loads: Sequence[float]) -> float:
    """Return the relative difference that 95 % of the pairs of ``loads`` (at least two, above 0) stay within."""
    differences = [abs(log(a / b)) for a, b in combinations(loads, 2)]
    return exp(float(np.quantile(differences, PAIRS))) - 1
