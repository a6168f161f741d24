"""What `inkport bench` measured, in the order in which it is read."""

from __future__ import annotations

from collections.abc import Iterable

from inkport.benchmarks.checks.bench.measure import Bench, Measured
from inkport.benchmarks.measure.quantiles import Quantile
from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.report.presentation import Conclusion, Presentation, Section, Sign, grouped
from inkport.benchmarks.report.sections import SIGNS, sign_of
from inkport.benchmarks.run.environment import threads_on
from inkport.benchmarks.run.noise import Difference
from inkport.benchmarks.run.record import Outcome, TargetRecord
from inkport.benchmarks.run.scenarios import Figures
from inkport.core.tables import Table


ABSENT = "not available"
"""What stands where the machine does not tell: never a 0."""


def present(report: Report) -> Presentation:
    """Return everything that was measured, as it is read; the noise floor comes first."""
    scenarios = {str(scenario): _scenario(report, scenario) for scenario in report.options.scenarios}
    tables = {
        "Time against width": _curves(report),
        "Cold start": _fresh(report),
        "Harness overhead": _overheads(report),
        "LoadGen": _loadgen(report),
        "Drift": _drifts(report),
    }
    sections = [
        Section(name=name.capitalize(), tables=(table,), sentences=() if table.rows else ("no target was measured",))
        for name, table in scenarios.items()
    ]
    sections += [Section(name=name, tables=(table,)) for name, table in tables.items() if table.rows]
    return Presentation(
        title="inkport bench",
        about=report.model.name,
        subject=(_headline(report), *_machine(report)),
        conclusions=grouped([_conclude(target, report) for target in report.targets]),
        sections=tuple(sections),
        signs={str(outcome): sign for outcome, sign in SIGNS.items()},
        created=report.created,
    )


def _conclude(target: TargetRecord, report: Report) -> Conclusion:
    why, scenarios, baseline = target.reason, target.section(Measured).scenarios, report.section(Bench).baseline
    if target.outcome is not Outcome.PASS or not scenarios:
        return Conclusion(names=(target.name,), sign=sign_of(target), label=str(target.outcome), why=why)
    first = scenarios[0]
    why = f"p50 {_with_interval(first.quantiles[0])} ms per query, {first.scenario}"
    if target.name != baseline and first.speed_up is not None:
        why += f", {speed(first)} {'to' if first.difference is Difference.NONE else 'as fast as'} {baseline}"
    return Conclusion(names=(target.name,), sign=Sign.GOOD, label="measured", why=why)


def _headline(report: Report) -> str:
    model, data = report.model, report.data
    threads = threads_on(report.environment, report.options.threads)
    return (
        f"{model.name} {model.version} ({model.artifact.sha256[:12]}) on {data.lines} lines of "
        f"{', '.join(data.sources)} ({data.sha256[:12]}), {threads}, {report.environment.cpu}"
    )


def _machine(report: Report) -> Iterable[str]:
    floors = ", ".join(f"{name} {noise.floor:.1%}" for name, noise in report.section(Bench).noise.items())
    yield f"noise floor: {floors} (a load that never changes; differences below it are reported as none)"
    state = report.environment
    yield (
        f"governor: {_or_absent(state.governor)}; frequency: {_or_absent(state.frequency_mhz, ' MHz')}; temperature: "
        f"{_or_absent(state.temperature_c, ' C')}; load: {_or_absent(state.load_1min)}"
    )
    if peaks := report.section(Bench).peaks:
        rates = [
            f"{precision} {peak.gmac_per_s:.0f} GMAC/s ({peak.by})" if peak else f"{precision} {ABSENT}"
            for precision, peak in peaks.compute.items()
        ]
        yield f"peaks: {', '.join(rates)}; copying {peaks.copy_gb_per_s:.1f} GB/s"
    if host := report.section(Bench).host:
        parts = f"preparing {host.prepare_p50_ms:.2f} ms, decoding {host.decode_p50_ms:.2f} ms"
        yield f"per line, not in the times: {parts} (medians)"


def _scenario(report: Report, scenario: str) -> Table:
    baseline = report.section(Bench).baseline
    rows = [
        _figures(target.name, found, baseline)
        for target in report.targets
        for found in target.section(Measured).scenarios
        if found.scenario == scenario
    ]
    head = ("target", "stop", "queries", "p50 ms", "p90 ms", "p99 ms", "lines/s", "speed", "mJ/line")
    return Table(head, tuple(rows), 2)


def _figures(name: str, found: Figures, baseline: str | None) -> tuple[str, ...]:
    energy = ABSENT if found.energy_mj_per_line is None else f"{found.energy_mj_per_line:.3g}"
    times = map(_with_interval, found.quantiles)
    rate = _with_interval(found.lines_per_s)
    against = "baseline" if name == baseline else speed(found)
    return (name, str(found.stop), str(found.n), *times, rate, against, energy)


def speed(found: Figures) -> str:
    """Return the speed-up, or that there is none beyond the noise floor."""
    if found.speed_up is None:
        return "-"
    return "no difference" if found.difference is Difference.NONE else f"{found.speed_up.value:.2f}x"


def _curves(report: Report) -> Table:
    head = ("target", "ms", "+ us/px", "+ ns/px^2", "fit error", "width", "ms", "of peak", "of bandwidth")
    rows: list[tuple[str, ...]] = []
    for target in report.targets:
        measured = target.section(Measured)
        if (curve := measured.curve) is None:
            continue
        cost = curve.cost
        fitted = (f"{cost.constant_ms:.3g}", f"{1e3 * cost.per_px_ms:.3g}", f"{1e6 * cost.per_px2_ms:.3g}")
        first = (target.name, *fitted, f"{curve.relative_error:.1%}")
        if not measured.efficiency:
            rows.append((*first, "-", "-", ABSENT, ABSENT))
        for number, found in enumerate(measured.efficiency):
            left = ("",) * len(first) if number else first
            share = (_share(found.of_peak), _share(found.of_bandwidth))
            rows.append((*left, f"{found.width_px} px", f"{cost.time_ms(found.width_px):.3g}", *share))
    return Table(head, tuple(rows), 1)


def _fresh(report: Report) -> Table:
    head = ("target", "import ms", "open ms", "first run ms", "new width ms", "later ms", "peak MiB", "of it SDK")
    rows: list[tuple[str, ...]] = []
    for target in report.targets:
        if (fresh := target.section(Measured).fresh) is None:
            continue
        slowest = max(fresh.first_calls, key=lambda call: call.first_ms - call.later_ms, default=None)
        calls = (f"{slowest.first_ms:.3g}", f"{slowest.later_ms:.3g}") if slowest else ("-", "-")
        memory = fresh.memory
        sizes = (f"{memory.peak_mib:.0f}", f"{memory.imported_mib:.0f}") if memory else (ABSENT, ABSENT)
        times = (f"{ms:.3g}" for ms in (fresh.import_ms, fresh.open_ms, fresh.first_run_ms))
        rows.append((target.name, *times, *calls, *sizes))
    return Table(head, tuple(rows), 1)


def _overheads(report: Report) -> Table:
    found = [(t.name, o) for t in report.targets if (o := t.section(Measured).overhead)]
    rows = [
        (name, f"{o.harness_ms:.4g}", f"{o.bare_ms:.4g}", _with_interval(o.ratio, ".4f"), str(o.rounds))
        for name, o in found
    ]
    return Table(("target", "harness ms", "bare loop ms", "ratio", "rounds"), tuple(rows), 1)


def _loadgen(report: Report) -> Table:
    rows = [
        (target.name, str(found.scenario), "VALID" if found.valid else "INVALID", found.metric, f"{found.value:.6g}")
        for target in report.targets
        for found in target.section(Measured).loadgen
    ]
    return Table(("target", "scenario", "result", "figure", "value"), tuple(rows), 4)


def _drifts(report: Report) -> Table:
    rows: list[tuple[str, ...]] = []
    for target in report.targets:
        if drift := target.section(Measured).drift:
            verdict = "none" if drift.verdict is Difference.NONE else str(drift.verdict)
            minutes = (f"{drift.minute_p50_ms[0]:.3g}", f"{drift.minute_p50_ms[-1]:.3g}")
            rows.append((target.name, *minutes, _with_interval(drift.change, ".3f"), verdict))
    return Table(("target", "p50 ms, minute 1", "last minute", "change", "drift"), tuple(rows), 1)


def _with_interval(found: Quantile, style: str = ".3g") -> str:
    low, high = ("-" if limit is None else format(limit, style) for limit in (found.low, found.high))
    return f"{found.value:{style}} ({low}..{high})"


def _share(share: float | None) -> str:
    return ABSENT if share is None else f"{share:.0%}"


def _or_absent(value: object, unit: str = "") -> str:
    return ABSENT if value is None else f"{value}{unit}"
