"""What is timed beside the scenarios: minutes on end, and a bare loop that tells what timing costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from inkport.benchmarks.measure import CONFIDENCE
from inkport.benchmarks.measure.quantiles import Quantile, quantile
from inkport.benchmarks.run.environment import EnergyCounter
from inkport.benchmarks.run.latency import Clock, Image, clock_ns, collection_paused
from inkport.benchmarks.run.noise import Difference, Moment, Noise, NoiseMeter
from inkport.benchmarks.run.progress import Progress, silent
from inkport.benchmarks.run.scenarios import TURN, Run, Scenario, ScenarioRunner, StopRule, make_queries
from inkport.core.errors import UsageError
from inkport.core.runtime import AnySession


MINUTE_NS = 60_000_000_000
"""A minute in nanoseconds."""


@dataclass(frozen=True, kw_only=True)
class Drift:
    """One target over the minutes."""

    minute_p50_ms: tuple[float, ...]
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
    sessions: Mapping[str, AnySession],
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
        minute_p50_ms=tuple(float(np.median(times[minute == m])) for m in present),
        change=change,
        verdict=noise.difference(_ratio(first, last)),
    )


def _ratio(above: Quantile, below: Quantile) -> Quantile:
    return Quantile(
        value=above.value / below.value,
        low=None if above.low is None or below.high is None else above.low / below.high,
        high=None if above.high is None or below.low is None else above.high / below.low,
    )


ROUNDS = 60
"""Rounds of eight lines with each of the two."""


@dataclass(frozen=True, kw_only=True)
class Overhead:
    """How the harness's figures compare with a bare loop's."""

    ratio: Quantile
    """Time that the harness measured over the bare loop's, median over the rounds: 1.00 if timing costs nothing."""
    harness_ms: float
    """Mean time of a line as the harness measured it."""
    bare_ms: float
    """Mean time of a line in the bare loop: one reading of the clock before it, and one after."""
    rounds: int
    """Rounds; each runs the same lines both ways."""


def measure_overhead(
    session: AnySession, inputs: Sequence[Image], *, rounds: int = ROUNDS, clock: Clock = clock_ns
) -> Overhead:
    """Compare the harness with a bare loop.

    A round runs the next eight lines both ways, and which goes first alternates. The harness is the very code
    of the single-stream scenario. An engine in another process is timed there by the harness, and from here
    by the loop: its ratio is below 1 by the transport.

    Args:
        session: An open session.
        inputs: Prepared lines, each float32 (1, 1, h, w); every width is run once before anything is timed.
        rounds: How many rounds.
        clock: What both are timed with.
    """
    for image in {image.shape[3]: image for image in inputs}.values():
        session.run(image)
    size = TURN[Scenario.SINGLE_STREAM]
    harness: list[int] = []
    bare: list[int] = []
    runner = ScenarioRunner({"session": session}, inputs, rule=StopRule(), clock=clock)
    run = Run(Scenario.SINGLE_STREAM, make_queries(inputs, Scenario.SINGLE_STREAM, seed=0), ns={"session": []})
    with collection_paused():
        for number in range(rounds):
            draws = [(number * size + place) % len(inputs) for place in range(size)]
            if number % 2:
                bare.append(_bare_ns(session, [inputs[draw] for draw in draws], clock))
            runner.take_turns(run, draws, EnergyCounter())
            if run.errors:
                raise run.errors["session"]
            harness.append(sum(run.ns["session"][-size:]))
            if not number % 2:
                bare.append(_bare_ns(session, [inputs[draw] for draw in draws], clock))
    return Overhead(
        ratio=quantile([a / b for a, b in zip(harness, bare, strict=True)], 0.5),
        harness_ms=sum(harness) / rounds / size / 1e6,
        bare_ms=sum(bare) / rounds / size / 1e6,
        rounds=rounds,
    )


def _bare_ns(session: AnySession, lines: Sequence[Image], clock: Clock) -> int:
    session.run(lines[0])
    start = clock()
    for image in lines:
        session.run(image)
    return clock() - start
