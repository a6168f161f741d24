"""The sequence of a benchmark: noise floor, fresh processes, peaks, then the warm scenarios in turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from inkport.benchmarks.checks.bench.efficiency import Efficiency, efficiency, operations_at
from inkport.benchmarks.measure.width_cost import Curve, fit_curve
from inkport.benchmarks.report.envelope import Check, Report
from inkport.benchmarks.run.environment import read_environment
from inkport.benchmarks.run.fresh import Fresh, start_fresh
from inkport.benchmarks.run.latency import HostTimes, choose_lines, host_times
from inkport.benchmarks.run.loadgen import MIN_DURATION_MS, LoadGenResult, run_loadgen
from inkport.benchmarks.run.noise import Noise, NoiseMeter
from inkport.benchmarks.run.peaks import Peaks, measure_peaks
from inkport.benchmarks.run.progress import Progress, silent
from inkport.benchmarks.run.record import Outcome
from inkport.benchmarks.run.request import Options, Request, describe_data, describe_model
from inkport.benchmarks.run.scenarios import Figures, Scenario, ScenarioRunner, StopRule, figures
from inkport.benchmarks.run.sustained import Drift, Overhead, measure_overhead, run_sustained
from inkport.benchmarks.run.targets import Attempt, is_baseline, open_target, session_options
from inkport.core.errors import UsageError, failure_of
from inkport.core.runtime import AnySession


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


NOISE_SAMPLES = 10
"""Moments at which the calibration load runs before anything else."""
SUSTAINED_LINES = 32
"""Lines of the sustained run: few enough that each comes round many times a minute."""
HOST_LINES = 100
"""Lines that preparing and decoding are timed on."""


class _Bench:
    """One run; its sections change the rows."""

    def __init__(self, request: Request, progress: Progress) -> None:
        self.request, self.options, self.progress = request, request.options, progress
        self.inputs = request.audit.inputs
        self.rows: list[Attempt] = []
        self.noise: dict[str, Noise] = {}

    def sessions(self) -> dict[str, AnySession]:
        """Return the open sessions, by name of their targets."""
        return {row.target.name: row.session for row in self.rows if row.session is not None}

    def baseline(self) -> str | None:
        """Return the name of the target that speed-ups refer to."""
        return next((row.target.name for row in self.rows if row.session and is_baseline(row.target)), None)

    def settle(self) -> None:
        """Measure the noise floor before anything else."""
        meter = NoiseMeter()
        for _ in range(NOISE_SAMPLES):
            meter.sample()
        self.noise["start"] = meter.noise()

    def open(self) -> None:
        """Make each artifact, measure fresh processes, and open the session that everything else runs on."""
        for target in self.request.targets:
            row = open_target(
                target,
                provide=self.request.provide,
                threads=self.options.threads,
                progress=self.progress,
                before=self.fresh if self.options.fresh else None,
                timed=True,
            )
            self.rows.append(row)

    def fresh(self, row: Attempt) -> None:
        """Measure a target in fresh processes."""
        self.progress(f"{row.target.name}: in fresh processes")
        if row.artifact is not None:
            options = session_options(row.target, self.options.threads)
            found = start_fresh(row.artifact, row.target, options, self.inputs, processes=self.options.fresh)
            _add(row, fresh=found)

    def each(self, stage: str, act: Callable[[Attempt, AnySession], None]) -> None:
        """Do something with every target that can go on; one that fails does not stop the others."""
        for row in self.rows:
            if row.session is not None:
                self.progress(f"{row.target.name}: {stage}")
                try:
                    act(row, row.session)
                except BaseException as error:  # noqa: BLE001 - whatever a vendor's code raises
                    row.fail(Outcome.RUN_FAILED, failure_of(error))

    def scenario(self, scenario: Scenario) -> None:
        """Run one scenario with all targets in turns."""
        runner = ScenarioRunner(
            self.sessions(), self.inputs, rule=self.options.rule, seed=self.options.seed, progress=self.progress
        )
        run = runner.run(scenario)
        if run.noise:
            self.noise[str(scenario)] = run.noise
        found = figures(run, self.baseline())
        widths = [self.inputs[run.queries[draw].batches[0][0]].shape[3] for draw in run.drawn]
        for row in self.rows:
            name = row.target.name
            if (error := run.errors.get(name)) is not None:
                row.fail(Outcome.RUN_FAILED, error)
            elif name in found:
                _add(row, scenarios=(*row.record.section(Measured).scenarios, found[name]))
                if scenario is Scenario.SINGLE_STREAM:
                    _add(row, curve=fit_curve(widths, [ns / 1e6 for ns in run.ns[name]]))

    def sustained(self) -> None:
        """Run all targets for minutes; the floor is the highest of before."""
        chosen = choose_lines(self.inputs, SUSTAINED_LINES, seed=self.options.seed)
        before = max(self.noise.values(), key=lambda noise: noise.floor)
        found = run_sustained(
            self.sessions(),
            [self.inputs[index] for index in chosen],
            self.options.sustained_minutes,
            noise=before,
            progress=self.progress,
        )
        self.noise["sustained"] = Noise(floor=before.floor, moments=found.moments)
        for row in self.rows:
            _add(row, drift=found.targets.get(row.target.name))
            if (error := found.errors.get(row.target.name)) is not None:
                row.fail(Outcome.RUN_FAILED, error)

    def loadgen(self, row: Attempt, session: AnySession) -> None:
        """Run the same scenarios through LoadGen, by the times measured before."""
        folder = (self.request.out or Path()) / "loadgen" / row.target.name.replace("/", "-")
        for found in row.record.section(Measured).scenarios:
            result = run_loadgen(
                session,
                self.inputs,
                found.scenario,
                expected_ms=1e3 * found.lines_per_query / found.lines_per_s.value,
                folder=folder / found.scenario,
                min_duration_ms=self.options.loadgen_ms,
                seed=self.options.seed,
            )
            _add(row, loadgen=(*row.record.section(Measured).loadgen, result))

    def compare_overhead(self, row: Attempt, session: AnySession) -> None:
        """Compare the harness with a bare loop."""
        _add(row, overhead=measure_overhead(session, self.inputs))

    def host(self) -> HostTimes | None:
        """Time preparing and decoding, on the logits of the first target that can go on."""
        chosen = choose_lines(self.inputs, HOST_LINES, seed=self.options.seed)
        lines = [self.request.audit.lines[index] for index in chosen]
        spec = self.request.model.spec
        return next((host_times(lines, spec, session) for session in self.sessions().values()), None)

    def relate(self, peaks: Peaks | None) -> None:
        """Relate the times of each target to its operations, and to the machine's peaks."""
        widths = sorted(image.shape[3] for image in self.inputs)
        operations = operations_at([widths[len(widths) // 2], widths[-1]], self.request.provide)
        for row in self.rows:
            curve = row.record.section(Measured).curve
            _add(row, efficiency=tuple(efficiency(curve, operations, row.target.precision, peaks)))


def _add(row: Attempt, **found: Any) -> None:
    row.record = row.record.having(replace(row.record.section(Measured), **found))


def run_bench(request: Request, *, progress: Progress = silent) -> Report:
    """Measure every target; one that fails does not stop the others.

    Raises:
        LineDataError: If there is no usable line.
        UnknownRuntimeError: If a target names a runtime that is not registered.
    """
    request.refuse()
    options, bench = request.options, _Bench(request, progress)
    environment, peaks = read_environment(threads=options.threads), None
    try:
        bench.settle()
        bench.open()
        if options.peaks and bench.sessions():
            progress("measuring the machine's peaks")
            peaks = measure_peaks(options.threads)
        for scenario in options.scenarios if bench.sessions() else ():
            bench.scenario(scenario)
        host, baseline = bench.host(), bench.baseline()
        if options.overhead:
            bench.each("comparing the harness with a bare loop", bench.compare_overhead)
        if options.loadgen:
            bench.each("running under LoadGen", bench.loadgen)
        if options.sustained_minutes and bench.sessions():
            bench.sustained()
    finally:
        for row in bench.rows:
            row.close()
    bench.relate(peaks)
    return Report(
        check=BENCH,
        model=describe_model(request.model),
        data=describe_data(request.audit, request.sources, request.model),
        options=options,
        environment=environment,
        targets=tuple(row.record for row in bench.rows),
        sections=(Bench(baseline=baseline, host=host, peaks=peaks, noise=bench.noise),),
    )
