"""What timing itself costs: the harness against a bare loop around the same session, in turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inkport.benchmarks.measure.quantiles import Quantile, quantile
from inkport.benchmarks.run.latency import collection_paused
from inkport.benchmarks.run.machine.sensors import EnergyCounter
from inkport.benchmarks.run.scenarios.queries import TURN, Scenario, make_queries
from inkport.benchmarks.run.scenarios.running import Run, ScenarioRunner
from inkport.benchmarks.run.scenarios.stopping import StopRule
from inkport.benchmarks.run.timing import Clock, Image, clock_ns
from inkport.core.runtime import Session


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
    session: Session, inputs: Sequence[Image], *, rounds: int = ROUNDS, clock: Clock = clock_ns
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


def _bare_ns(session: Session, lines: Sequence[Image], clock: Clock) -> int:
    session.run(lines[0])
    start = clock()
    for image in lines:
        session.run(image)
    return clock() - start
