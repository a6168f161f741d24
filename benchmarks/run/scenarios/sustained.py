"""Whether targets become slower when they run for minutes: the last minute against the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from inkport.benchmarks.measure import CONFIDENCE
from inkport.benchmarks.measure.quantiles import Quantile, quantile
from inkport.benchmarks.run.latency import collection_paused
from inkport.benchmarks.run.machine.noise import Difference, Moment, Noise, NoiseMeter
from inkport.benchmarks.run.machine.sensors import EnergyCounter
from inkport.benchmarks.run.progress import Progress, silent
from inkport.benchmarks.run.scenarios.queries import TURN, Scenario, make_queries
from inkport.benchmarks.run.scenarios.running import Run, ScenarioRunner
from inkport.benchmarks.run.scenarios.stopping import StopRule
from inkport.benchmarks.run.timing import Clock, Image, clock_ns
from inkport.core.errors import UsageError
from inkport.core.runtime import Session


MINUTE_NS = 60_000_000_000
"""A minute in nanoseconds."""


@dataclass(frozen=True, kw_only=True)
class Drift:
    """One target over the minutes."""

    p50_ms: tuple[float, ...]
    """Median time per line in each minute."""
    change: Quantile
    """Time in the last minute over that in the first, line by line, and its 95 % interval: 1.05 is 5 % slower."""
    verdict: Difference
    """Whether it became faster, slower, or neither beyond the noise floor."""


@dataclass(frozen=True, kw_only=True)
class Sustained:
    """All targets over the minutes, in turns."""

    minutes: int
    """How long."""
    moments: tuple[Moment, ...]
    """The calibration load and the machine's state, before the first minute and after each."""
    targets: Mapping[str, Drift]
    """By name; a target that failed is absent."""
    errors: Mapping[str, Exception]
    """The targets that failed meanwhile, and how."""


def run_sustained(
    sessions: Mapping[str, Session],
    inputs: Sequence[Image],
    minutes: int,
    *,
    noise: Noise,
    meter: NoiseMeter | None = None,
    clock: Clock = clock_ns,
    progress: Progress = silent,
) -> Sustained:
    """Run all targets in turns on the same few lines, over and over, for ``minutes``.

    Args:
        sessions: Open sessions by name, warm.
        inputs: Prepared lines, each float32 (1, 1, h, w); few enough that each comes round every minute.
        minutes: At least 2.
        noise: From before: while the machine heats up, its noise floor rises and would hide the drift.
        meter: Takes the moments.
        clock: What everything is timed with.
        progress: Told which minute it is.

    Raises:
        UsageError: If ``minutes`` is below 2.
    """
    if minutes < 2:
        raise UsageError(f"a drift needs at least 2 minutes, found {minutes}")
    meter = meter or NoiseMeter()
    runner = ScenarioRunner(sessions, inputs, rule=StopRule(), clock=clock)
    run = Run(Scenario.SINGLE_STREAM, make_queries(inputs, Scenario.SINGLE_STREAM, seed=0))
    run.ns = {name: [] for name in sessions}
    minute_of: list[int] = []
    size = TURN[Scenario.SINGLE_STREAM]
    with collection_paused():
        meter.sample()
        start, minute = clock(), 0
        while minute < minutes and len(run.ns) > len(run.errors):
            progress(f"sustained run: minute {minute + 1} of {minutes}")
            draws = [(len(run.drawn) + place) % len(inputs) for place in range(size)]
            runner.take_turns(run, draws, EnergyCounter())
            run.drawn += draws
            minute_of += [minute] * size
            if clock() - start >= (minute + 1) * MINUTE_NS:
                minute += 1
                meter.sample()
    whole = {name: np.array(ns) / 1e6 for name, ns in run.ns.items() if name not in run.errors}
    return Sustained(
        minutes=minutes,
        moments=tuple(meter.moments),
        targets={name: _drift(times, np.array(run.drawn), np.array(minute_of), noise) for name, times in whole.items()},
        errors=run.errors,
    )


def _drift(times: np.ndarray, lines: np.ndarray, minute: np.ndarray, noise: Noise) -> Drift:
    """Compare minutes by each line's time against that line's own median, so that widths do not matter."""
    usual = {line: np.median(times[lines == line]) for line in np.unique(lines)}
    relative = times / np.array([usual[line] for line in lines])
    present = np.unique(minute)
    # Each of the two medians errs in half the cases that both together may.
    sure = (1 + CONFIDENCE) / 2
    first = quantile(relative[minute == present[0]], 0.5, confidence=sure)
    last = quantile(relative[minute == present[-1]], 0.5, confidence=sure)
    change = _ratio(last, first)
    return Drift(
        p50_ms=tuple(float(np.median(times[minute == m])) for m in present),
        change=change,
        verdict=noise.difference(_ratio(first, last)),
    )


def _ratio(above: Quantile, below: Quantile) -> Quantile:
    return Quantile(
        value=above.value / below.value,
        low=None if above.low is None or below.high is None else above.low / below.high,
        high=None if above.high is None or below.low is None else above.high / below.low,
    )
