"""Running a scenario: all targets in turns, on the same queries, until the stop rule is content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from inkport.benchmarks.run.latency import collection_paused
from inkport.benchmarks.run.machine.noise import Noise, NoiseMeter
from inkport.benchmarks.run.machine.sensors import EnergyCounter
from inkport.benchmarks.run.progress import Progress, silent
from inkport.benchmarks.run.scenarios.queries import TURN, Query, Scenario, make_queries
from inkport.benchmarks.run.scenarios.stopping import Stop, StopRule
from inkport.benchmarks.run.timing import Clock, Image, clock_ns, run_ns
from inkport.core.errors import RuntimeExecutionError
from inkport.core.foreign import failure_of
from inkport.core.lending import check_returned, lend
from inkport.core.runtime import Session


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
        sessions: Mapping[str, Session],
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
