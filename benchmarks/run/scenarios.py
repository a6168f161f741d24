"""Scenarios: all targets in turns on the same queries, until the intervals are narrow enough, and the figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from inkport.benchmarks.measure.quantiles import Percentiles, Quantile, mean_interval, quantile
from inkport.benchmarks.run.environment import EnergyCounter
from inkport.benchmarks.run.latency import Clock, Image, clock_ns, collection_paused, run_ns
from inkport.benchmarks.run.noise import Difference, Noise, NoiseMeter
from inkport.benchmarks.run.progress import Progress, silent
from inkport.core.errors import RuntimeExecutionError, UsageError, failure_of
from inkport.core.runtime import AnySession, check_returned, lend


class Scenario(StrEnum):
    """How lines arrive, in MLPerf's words."""

    SINGLE_STREAM = "single-stream"
    """One line at a time, the next when the last is done: a person who writes."""
    MULTI_STREAM = "multi-stream"
    """Eight lines at once, the next eight when all are done: a form with its fields."""
    OFFLINE = "offline"
    """Sixty-four lines at once: pages in a queue. What counts is lines per second."""


LINES = {Scenario.SINGLE_STREAM: 1, Scenario.MULTI_STREAM: 8, Scenario.OFFLINE: 64}
"""Lines per query; eight is MLPerf's number for its multi-stream scenario."""
BATCH = 16
"""Most lines of one size that are run at once."""
POOL = {Scenario.SINGLE_STREAM: 0, Scenario.MULTI_STREAM: 128, Scenario.OFFLINE: 32}
"""Different queries of a scenario; 0: one for each line."""
TURN = {Scenario.SINGLE_STREAM: 8, Scenario.MULTI_STREAM: 4, Scenario.OFFLINE: 1}
"""Queries that a target answers before the next one has its turn."""


@dataclass(frozen=True)
class Query:
    """Lines that are handed over at once."""

    batches: tuple[tuple[int, ...], ...]
    """Lines by their position, those of one padded size together, so that no text depends on its neighbours."""

    @property
    def lines(self) -> int:
        """How many lines it has."""
        return sum(map(len, self.batches))

    def images(self, inputs: Sequence[Image]) -> list[Image]:
        """Return the batches, each (n, c, h, w), read-only."""
        batches = [np.concatenate([inputs[line] for line in batch]) for batch in self.batches]
        for batch in batches:
            batch.setflags(write=False)
        return batches


def make_queries(inputs: Sequence[Image], scenario: Scenario, *, seed: int) -> list[Query]:
    """Return the queries of a scenario, whose lines are drawn from all with replacement.

    Args:
        inputs: Prepared lines, at least one.
        scenario: Which scenario.
        seed: Of the draw.
    """
    if scenario is Scenario.SINGLE_STREAM:
        return [Query(((line,),)) for line in range(len(inputs))]
    rng = np.random.default_rng(seed)
    draws = rng.integers(len(inputs), size=(POOL[scenario], LINES[scenario]))
    return [group_by_width(lines, inputs) for lines in draws.tolist()]


def group_by_width(lines: Sequence[int], inputs: Sequence[Image]) -> Query:
    """Return a query of these lines, in batches of one size and at most ``BATCH`` lines, narrow ones first."""
    by_size: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for line in lines:
        by_size[inputs[line].shape[:1:-1]].append(line)
    return Query(
        tuple(
            tuple(same[start : start + BATCH])
            for _, same in sorted(by_size.items())
            for start in range(0, len(same), BATCH)
        )
    )


QUANTILES = (0.5, 0.9)
"""Quantiles whose intervals must be narrow enough; p99's would take ten times as many runs."""
GROWTH = 1.3
"""From one look at the data to the next their number grows by this: few looks leave little room for a lucky one."""


class Stop(StrEnum):
    """Why a measurement ended."""

    PRECISE = "precise"
    """Every interval is as narrow as was asked for."""
    MOST_QUERIES = "most-queries"
    """The cap on the number of queries was hit first."""
    MOST_TIME = "most-time"
    """The cap on the time was hit first."""


@dataclass(frozen=True, kw_only=True)
class StopRule:
    """Stop when the 95 % intervals of p50 and p90 are narrow enough, or a cap is hit.

    Raises:
        UsageError: If a setting is out of range.
    """

    precision: float = 0.1
    """Width of each interval as a share of its estimate: 0.1 is about 5 % either way."""
    least_queries: int = 64
    """Queries per target before the first look."""
    most_queries: int = 20_000
    """Cap on the queries per target."""
    most_s: float = 120.0
    """Cap on the time of one scenario, all targets together, in seconds."""

    def __post_init__(self) -> None:
        if not (self.precision > 0 and 1 <= self.least_queries <= self.most_queries and self.most_s > 0):
            raise UsageError(
                f"the stop rule needs a precision above 0, a time above 0 and most queries of at least "
                f"{self.least_queries}: {self}"
            )

    def precise(self, times: Sequence[float]) -> bool:
        """Whether the intervals of p50 and p90 are narrow enough."""
        return all(quantile(times, q).relative_width <= self.precision for q in QUANTILES)

    def next_look(self, queries: int) -> int:
        """Return at how many queries to look at the data again."""
        return min(self.most_queries, max(self.least_queries, int(queries * GROWTH) + 1))


@dataclass
class Run:
    """What was measured in one scenario."""

    scenario: Scenario
    """Which."""
    queries: Sequence[Query]
    """The queries that were drawn from."""
    drawn: list[int] = field(default_factory=list)
    """Which query each draw was, the same for every target."""
    ns: dict[str, list[int]] = field(default_factory=dict)
    """Time of each draw in nanoseconds, by target."""
    energy_uj: dict[str, int] = field(default_factory=dict)
    """Energy of the whole processor during a target's turns, unmeasured runs included; empty without a counter."""
    energy_lines: dict[str, int] = field(default_factory=dict)
    """Lines run in these turns."""
    errors: dict[str, Exception] = field(default_factory=dict)
    """The targets that failed meanwhile, and how; they have no times."""
    stop: dict[str, Stop] = field(default_factory=dict)
    """Why each target's measurement ended."""
    noise: Noise | None = None
    """How steady the machine was."""


class ScenarioRunner:
    """Runs scenarios on open sessions.

    Args:
        sessions: Open sessions by name.
        inputs: Prepared lines, each float32 (1, 1, h, w).
        rule: When to stop.
        seed: Of the draws: independent and with replacement, as the intervals assume.
        clock: What the runs are timed with.
        progress: Called with messages about the progress.
    """

    def __init__(
        self,
        sessions: Mapping[str, AnySession],
        inputs: Sequence[Image],
        *,
        rule: StopRule,
        seed: int = 0,
        clock: Clock = clock_ns,
        progress: Progress = silent,
    ) -> None:
        self.sessions, self.inputs, self.rule = sessions, inputs, rule
        self._seed, self._clock, self._progress = seed, clock, progress

    def run(self, scenario: Scenario, *, meter: NoiseMeter | None = None, energy: EnergyCounter | None = None) -> Run:
        """Run one scenario; a target that fails is left out from there on.

        Args:
            scenario: Which.
            meter: Measures the noise floor before, at each look at the data, and after.
            energy: The machine's energy counter.
        """
        meter, energy = meter or NoiseMeter(), energy or EnergyCounter()
        run = Run(scenario, make_queries(self.inputs, scenario, seed=self._seed))
        run.ns = {name: [] for name in self.sessions}
        self._warm_up(run)
        rng = np.random.default_rng(self._seed)
        with collection_paused():
            meter.sample()
            start, look = self._clock(), self.rule.next_look(0)
            while len(run.ns) > len(run.errors) and not run.stop:
                draws = rng.integers(len(run.queries), size=min(TURN[scenario], look - len(run.drawn))).tolist()
                self.take_turns(run, draws, energy)
                run.drawn += draws
                self._progress(f"{scenario}: timing all targets", len(run.drawn))
                late = self._clock() - start >= self.rule.most_s * 1e9
                if late or len(run.drawn) >= look:
                    look = self.rule.next_look(len(run.drawn))
                    meter.sample()
                    self._look(run, late=late)
            meter.sample()
        run.noise = meter.noise()
        for name in run.errors:
            del run.ns[name]
        return run

    def _warm_up(self, run: Run) -> None:
        """Run each shape once unmeasured: some runtimes compile for a shape when they first see it."""
        shapes = {
            (len(batch), self.inputs[batch[0]].shape[3]): batch for query in run.queries for batch in query.batches
        }
        for name in self.sessions:
            for done, batch in enumerate(shapes.values()):
                self._progress(f"{run.scenario}: warming up {name}", done, len(shapes))
                self._time(run, name, Query((batch,)).images(self.inputs))

    def take_turns(self, run: Run, draws: Sequence[int], energy: EnergyCounter) -> None:
        """Let each target answer these queries, in an order that rotates, and add the times to ``run``.

        Args:
            run: Has a list of times for each target that is in it.
            draws: Queries, by their position in ``run.queries``.
            energy: Read before and after each turn.
        """
        queries = [run.queries[draw] for draw in draws]
        kept = [query.images(self.inputs) for query in queries]
        names = list(run.ns)
        first = len(run.drawn) // TURN[run.scenario] % max(1, len(names))
        for name in (*names[first:], *names[:first]):
            # Copies of each target's own, looked at when nothing is timed: one that writes into them stands alone.
            images = [[lend(batch) for batch in batches] for batches in kept]
            energy.spent_uj()
            # The first run of a turn only brings the target's memory back.
            self._time(run, name, images[0][:1])
            for batches in images:
                if (elapsed := self._time(run, name, batches)) is not None:
                    run.ns[name].append(elapsed)
            if name not in run.errors and (spent := energy.spent_uj()) is not None:
                lines = len(images[0][0]) + sum(query.lines for query in queries)
                run.energy_uj[name] = run.energy_uj.get(name, 0) + spent
                run.energy_lines[name] = run.energy_lines.get(name, 0) + lines
            self._take_back(run, name, images, kept)

    def _take_back(self, run: Run, name: str, lent: Sequence[Sequence[Image]], kept: Sequence[Sequence[Image]]) -> None:
        if name in run.errors:
            return
        try:
            for batches, images in zip(lent, kept, strict=True):
                for batch, image in zip(batches, images, strict=True):
                    check_returned(batch, image, label=name)
        except RuntimeExecutionError as error:
            run.errors[name] = error

    def _time(self, run: Run, name: str, batches: Sequence[Image]) -> int | None:
        if name in run.errors:
            return None
        try:
            return run_ns(self.sessions[name], batches, self._clock)
        except BaseException as error:  # noqa: BLE001 - one broken target must not stop the others
            run.errors[name] = failure_of(error)
            return None

    def _look(self, run: Run, *, late: bool) -> None:
        """Stop all targets together, when every one is measured precisely or a cap is hit: they share their queries."""
        precise = {name: self.rule.precise(times) for name, times in run.ns.items() if name not in run.errors}
        full = len(run.drawn) >= self.rule.most_queries
        if all(precise.values()) or late or full:
            cap = Stop.MOST_QUERIES if full else Stop.MOST_TIME
            run.stop = {name: Stop.PRECISE if found else cap for name, found in precise.items()}


@dataclass(frozen=True, kw_only=True)
class Figures(Percentiles):
    """One target in one scenario: times of its queries, and intervals at 95 %."""

    scenario: Scenario
    """Which."""
    lines_per_query: int
    """Lines that arrive at once."""
    stop: Stop
    """Why the measurement ended."""
    lines_per_s: Quantile
    """Lines over the sum of the times of their queries; ``value`` is that mean, no quantile."""
    speed_up: Quantile | None
    """Median over the queries of the baseline's time divided by this target's; absent without a baseline."""
    difference: Difference | None
    """What can be said about ``speed_up`` on this machine; absent without a baseline."""
    energy_mj_per_line: float | None
    """Energy of the whole processor per line, in millijoules; absent where the machine has no counter."""


def figures(run: Run, baseline: str | None) -> dict[str, Figures]:
    """Return the figures of every target that finished.

    Args:
        run: The times.
        baseline: Name of the target that speed-ups refer to, if it finished.
    """
    base = run.ns.get(baseline) if baseline else None
    return {name: _figures(run, name, ns, base) for name, ns in run.ns.items()}


def _figures(run: Run, name: str, ns: Sequence[int], base: Sequence[int] | None) -> Figures:
    ratio = None if base is None else quantile(np.divide(base, ns), 0.5)
    spent = run.energy_uj.get(name)
    return Figures(
        **vars(Percentiles.of(ns)),
        scenario=run.scenario,
        lines_per_query=LINES[run.scenario],
        stop=run.stop[name],
        lines_per_s=rate(ns, LINES[run.scenario]),
        speed_up=ratio,
        difference=None if ratio is None or run.noise is None else run.noise.difference(ratio),
        energy_mj_per_line=None if spent is None else spent / 1e3 / run.energy_lines[name],
    )


def rate(ns: Sequence[int], lines: int) -> Quantile:
    """Return lines per second over all queries, with the interval of Student's t for the mean time of a query.

    Args:
        ns: Time of each query, in nanoseconds.
        lines: Lines per query.
    """
    seconds = np.asarray(ns, dtype=np.float64) / 1e9
    mean, (low, high) = float(seconds.mean()), mean_interval(seconds.tolist()) or (0.0, 0.0)
    return Quantile(value=lines / mean, low=lines / high if high else None, high=lines / low if low > 0 else None)
