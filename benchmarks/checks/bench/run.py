"""The sequence of a benchmark: noise floor, fresh processes, peaks, then the warm scenarios in turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from inkport.benchmarks.checks.bench.efficiency import efficiency, operations_at
from inkport.benchmarks.checks.bench.report import BenchOptions, BenchReport, Status
from inkport.benchmarks.checks.bench.rows import Row
from inkport.benchmarks.checks.verify import check_targets
from inkport.benchmarks.measure.width_cost import fit_curve
from inkport.benchmarks.report.describe import describe_data, describe_model
from inkport.benchmarks.run.environment import read_environment
from inkport.benchmarks.run.host_times import HostTimes, host_times
from inkport.benchmarks.run.latency import choose_lines
from inkport.benchmarks.run.machine.fresh import start_fresh
from inkport.benchmarks.run.machine.noise import Noise, NoiseMeter
from inkport.benchmarks.run.machine.peaks import measure_peaks
from inkport.benchmarks.run.options import Options
from inkport.benchmarks.run.progress import Progress, silent
from inkport.benchmarks.run.reference import Provide
from inkport.benchmarks.run.scenarios.figures import figures
from inkport.benchmarks.run.scenarios.loadgen import run_loadgen
from inkport.benchmarks.run.scenarios.overhead import measure_overhead
from inkport.benchmarks.run.scenarios.queries import Scenario
from inkport.benchmarks.run.scenarios.running import ScenarioRunner
from inkport.benchmarks.run.scenarios.sustained import run_sustained
from inkport.benchmarks.run.speed import is_baseline
from inkport.benchmarks.run.targets import session_options
from inkport.core.artifact import Artifact
from inkport.core.errors import LineDataError, RuntimeUnavailableError
from inkport.core.foreign import failure_of
from inkport.core.registry import load_runtime, probe
from inkport.core.runtime import Evidence, Session
from inkport.core.target import Target
from inkport.lines.audit import Audit


NOISE_SAMPLES = 10
"""Moments at which the calibration load runs before anything else."""
SUSTAINED_LINES = 32
"""Lines of the sustained run: few enough that each comes round many times a minute."""
HOST_LINES = 100
"""Lines that preparing and decoding are timed on."""


@dataclass(frozen=True, kw_only=True)
class BenchRequest:
    """What is to be measured."""

    model: Artifact
    """The model as handed in."""
    targets: Sequence[Target]
    """The targets, names unique."""
    audit: Audit
    """The usable lines."""
    sources: Sequence[str]
    """Names of the line sets."""
    provide: Provide
    """Returns the artefact of a target."""
    out: Path
    """Folder for LoadGen's logs."""
    options: BenchOptions = field(default_factory=BenchOptions)
    """Settings."""


class _Bench:
    """One run; its sections change the rows."""

    def __init__(self, request: BenchRequest, progress: Progress) -> None:
        self.request, self.options, self.progress = request, request.options, progress
        self.inputs = request.audit.inputs
        self.rows = [Row(target) for target in request.targets]
        self.noise: dict[str, Noise] = {}

    def sessions(self) -> dict[str, Session]:
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

    def open(self, row: Row) -> None:
        """Make the artefact, measure fresh processes, and open the session that everything else runs on."""
        target, options = row.target, session_options(row.target, Options(threads=self.options.threads))
        availability = probe(target.runtime)
        row.version = availability.version
        if not availability.ok:
            raise RuntimeUnavailableError(availability.reason, remedy=availability.remedy)
        if availability.evidence is not Evidence.MEASURED:
            raise RuntimeUnavailableError(f"times of {target.runtime} say nothing: it is {availability.evidence} here")
        row.artifact = self.request.provide(target)
        if self.options.fresh:
            self.progress(f"{target.name}: in fresh processes")
            row.fresh = start_fresh(row.artifact, target, options, self.inputs, processes=self.options.fresh)
        # The runtime itself, without the checks around its sessions: they are not what is timed.
        row.session = load_runtime(target.runtime).open(row.artifact, device=target.device, options=options)

    def each(self, stage: str, act: Callable[[Row], None]) -> None:
        """Do something with every target that can go on; one that fails does not stop the others."""
        for row in self.rows:
            if row.status is Status.MEASURED:
                self.progress(f"{row.target.name}: {stage}")
                try:
                    act(row)
                except BaseException as error:  # noqa: BLE001 - whatever a vendor's code raises
                    row.fail(failure_of(error))

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
            if (error := run.errors.get(row.target.name)) is not None:
                row.fail(error)
            elif row.target.name in found:
                row.scenarios.append(found[row.target.name])
                if scenario is Scenario.SINGLE_STREAM:
                    row.curve = fit_curve(widths, [ns / 1e6 for ns in run.ns[row.target.name]])

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
            row.drift = found.targets.get(row.target.name)
            if (error := found.errors.get(row.target.name)) is not None:
                row.fail(error)

    def loadgen(self, row: Row) -> None:
        """Run the same scenarios through LoadGen, by the times measured before."""
        for found in row.scenarios:
            row.loadgen.append(
                run_loadgen(
                    self.sessions()[row.target.name],
                    self.inputs,
                    found.scenario,
                    expected_ms=1e3 * found.lines_per_query / found.lines_per_s.value,
                    folder=self.request.out / "loadgen" / row.target.name.replace("/", "-") / found.scenario,
                    min_duration_ms=self.options.loadgen_ms,
                    seed=self.options.seed,
                )
            )

    def compare_overhead(self, row: Row) -> None:
        """Compare the harness with a bare loop."""
        row.overhead = measure_overhead(self.sessions()[row.target.name], self.inputs)

    def host(self) -> HostTimes | None:
        """Time preparing and decoding, on the logits of the first target that can go on."""
        chosen = choose_lines(self.inputs, HOST_LINES, seed=self.options.seed)
        lines = [self.request.audit.lines[index] for index in chosen]
        spec = self.request.model.spec
        return next((host_times(lines, spec, session) for session in self.sessions().values()), None)


def run_bench(request: BenchRequest, *, progress: Progress = silent) -> BenchReport:
    """Measure every target; one that fails does not stop the others.

    Raises:
        LineDataError: If there is no usable line.
        UnknownRuntimeError: If a target names a runtime that is not registered.
    """
    check_targets(request.targets)
    if not request.audit.lines:
        raise LineDataError("there is no usable line to measure on", remedy="pass line sets with --lines")
    options, bench = request.options, _Bench(request, progress)
    environment, peaks = read_environment(threads=options.threads), None
    try:
        bench.settle()
        bench.each("opening", bench.open)
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
    widths = sorted(image.shape[3] for image in bench.inputs)
    operations = operations_at([widths[len(widths) // 2], widths[-1]], request.provide)
    return BenchReport(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        model=describe_model(request.model),
        data=describe_data(request.audit, request.sources, request.model),
        options=options,
        environment=environment,
        baseline=baseline,
        host=host,
        peaks=peaks,
        noise=bench.noise,
        targets=tuple(row.report(efficiency(row.curve, operations, row.target.precision, peaks)) for row in bench.rows),
    )
