"""What every view shows: the report's figures as rows of strings, and what is said about them in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from inkport.benchmarks.measure import CONFIDENCE
from inkport.benchmarks.measure.edits import Effect
from inkport.benchmarks.measure.equivalence import LEVEL, Verdict
from inkport.benchmarks.measure.parity import DatasetScore, Flip, Parity
from inkport.benchmarks.measure.units import counted
from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.run.environment import threads_on
from inkport.benchmarks.run.noise import Difference
from inkport.benchmarks.run.record import Outcome, TargetRecord
from inkport.core.tables import Table
from inkport.core.target import LineChoice


if TYPE_CHECKING:
    from inkport.benchmarks.run.device_record import DeviceReport, DeviceRun
    from inkport.runtimes.devices.describe import Sensors


NONE = "-"
"""Shown for what was not measured."""
NOT_RUN = "not run"
"""Shown as the proof of a target that read nothing."""
INSIDE = 150
"""Most lines in the page; the others are in parts beside it."""
Flips = Sequence[tuple[str, Flip]]
"""The targets that flipped a line, and how."""
SAME = "no flips"
"""Shown for a data set that is too small to prove anything and on which no line flipped."""


def summary(report: Report) -> Table:
    """Return one row per target: whether its text is the same, and how fast it is."""
    words = ("target", "outcome", "proof")
    head = (*words, "lines", "CER %", "delta", "95% interval", "flips", "p50 ms", "p90", "p99", "speed", "MB")
    caption = "Whether each target reads the same text, and how fast it is"
    return Table(head, tuple(_summary_row(target) for target in report.targets), 3, caption)


def _summary_row(target: TargetRecord) -> tuple[str, ...]:
    parity, latency, artifact = target.parity, target.latency, target.artifact
    text = (NONE,) * 5
    if parity:
        text = (
            str(parity.lines),
            percent(parity.cer),
            *((NONE,) * 3 if target.outcome is Outcome.REFERENCE else _difference(parity)),
        )
    times = (NONE,) * 4
    if latency:
        times = (
            milliseconds(latency.p50_ms),
            milliseconds(latency.p90_ms),
            milliseconds(latency.p99_ms),
            _speed(target),
        )
    names = (target.name, str(target.outcome), str(target.evidence or NOT_RUN))
    return (*names, *text, *times, _megabytes(artifact.bytes) if artifact else NONE)


def _difference(parity: Parity) -> tuple[str, str, str]:
    return points(parity.delta), between(parity.interval), str(parity.flipped_lines)


def by_dataset(report: Report) -> Table:
    """Return one row per data set and target, lines of seen and unseen writers apart."""
    head = ("data set", "writers", "target", "verdict", "lines", "CER %", "ref %", "delta", "95% interval", "flips")
    order = dict.fromkeys((row.dataset, row.seen_writer) for target in report.targets for row in _datasets(target))
    rows = [
        (
            row.dataset or NONE,
            "seen" if row.seen_writer else "unseen",
            target.name,
            _verdict(target, row),
            str(row.lines),
            percent(row.cer),
            percent(row.cer_reference),
            points(row.delta),
            between(row.interval),
            str(row.flipped_lines),
        )
        for key in order
        for target in report.targets
        for row in _datasets(target)
        if (row.dataset, row.seen_writer) == key
    ]
    return Table(head, tuple(rows), 4, "Each data set by itself, lines of seen and of unseen writers apart")


def _verdict(target: TargetRecord, row: DatasetScore) -> str:
    """Return the verdict; where no line flipped, too few writers are no failure and do not look like one."""
    if target.outcome is Outcome.REFERENCE:
        return str(target.outcome)
    verdict = row.equivalence.verdict
    return SAME if verdict is Verdict.INCONCLUSIVE and not row.flipped_lines else str(verdict)


def words_and_edits(report: Report) -> Table:
    """Return one row per target that read: word error rates and the kinds of its edits; the reference first."""
    head = ("system", "WER %", "WER (HTR) %", "substitutions", "insertions", "deletions", "of symbols")
    scores = [(target.name, target.parity) for target in report.targets if target.parity]
    rows = [
        (name, percent(s.wer), percent(s.wer_htr), *map(str, s.edits.by_kind), str(s.symbols)) for name, s in scores
    ]
    if scores:
        s = scores[0][1]
        first = ("reference", percent(s.wer_reference), percent(s.wer_htr_reference))
        rows.insert(0, (*first, *map(str, s.edits_reference.by_kind), str(s.symbols)))
    return Table(head, tuple(rows), 1, "Word error rates, and edits by kind")


def verdicts(report: Report) -> Table:
    """Return one row per target that read: the verdict on all lines, what it rests on, and the changes by effect."""
    head = ("target", "verdict", "margin", "90% interval", "more writers", "harmful", "harmless", "repaired")
    rows = tuple(
        (
            target.name,
            str(found.verdict),
            f"{100 * found.margin:g}",
            between(found.interval),
            NONE if found.further_writers is None else str(found.further_writers),
            *(str(count) for count in (p.effects.harmful, p.effects.harmless, p.effects.repaired)),
        )
        for target in report.targets
        if (p := target.parity) and target.outcome is not Outcome.REFERENCE
        for found in [p.equivalence]
    )
    return Table(head, rows, 2, "What all lines together prove, and the changes by what they do to the errors")


def worst_writers(report: Report) -> Table:
    """Return one row per target that read lines of known writers: the writer that lost most."""
    head = (
        "target",
        "unit",
        "data set",
        "a line of it",
        "lines",
        "CER %",
        "ref %",
        "delta",
        "95% interval, as the worst",
    )
    rows = tuple(
        (
            target.name,
            w.kind,
            w.dataset or NONE,
            w.line,
            str(w.lines),
            percent(w.cer),
            percent(w.cer_reference),
            points(w.delta),
            between(w.interval),
        )
        for target in report.targets
        if target.parity and (w := target.parity.worst_writer)
    )
    return Table(head, rows, 4, "The writer whose CER rose most with each target")


def speeds(report: Report) -> Table:
    """Return one row per target that was timed, with what the summary leaves out."""
    head = ("target", "runtime", "version", "cold start ms", "lines/s", "lines timed", "artifact")
    rows = tuple(
        (
            t.name,
            t.runtime,
            t.runtime_version,
            milliseconds(t.latency.cold_start_ms),
            f"{t.latency.lines_per_s:.1f}",
            str(t.latency.n),
            t.artifact.sha256[:12] if t.artifact else NONE,
        )
        for t in report.targets
        if t.latency
    )
    return Table(head, rows, 3, "What the first table leaves out of the times")


def flips_by_line(report: Report) -> dict[str, list[tuple[str, Flip]]]:
    """Return the flipped lines by id, each with the targets that flipped it and how."""
    found: dict[str, list[tuple[str, Flip]]] = {}
    for target in report.targets:
        for flip in target.parity.flips if target.parity else ():
            found.setdefault(flip.id, []).append((target.name, flip))
    return found


def by_harm(report: Report) -> list[tuple[str, Flips]]:
    """Return the flipped lines by id with the targets that flipped them: most harmful edits first, then widest gap."""
    return sorted(flips_by_line(report).items(), key=lambda item: _order(item[1]))


def _order(flips: Flips) -> tuple[int, float]:
    changes = [change for _, flip in flips for change in flip.changes]
    harmful = [change for change in changes if change.effect is Effect.HARMFUL]
    return -len(harmful), -max([c.gap_reference or 0.0 for c in harmful or changes], default=0.0)


def percent(rate: float) -> str:
    """Format a rate in per cent."""
    return f"{100 * rate:.2f}"


def points(delta: float) -> str:
    """Format a difference of rates in percentage points, with its sign unless it is zero."""
    return f"{100 * delta:+.2f}" if delta else "0.00"


def between(interval: tuple[float, float] | None) -> str:
    """Format an interval of a difference of rates in percentage points."""
    return NONE if interval is None else f"{points(interval[0])}..{points(interval[1])}"


def milliseconds(value: float) -> str:
    """Format a time to three or more digits."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _speed(target: TargetRecord) -> str:
    latency = target.latency
    if latency is None or latency.speed_up is None:
        return NONE
    return "no diff" if latency.difference is Difference.NONE else f"{latency.speed_up:.2f}x"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f}"


def _datasets(target: TargetRecord) -> tuple[DatasetScore, ...]:
    return target.parity.datasets if target.parity else ()


def headline(report: Report) -> str:
    """Return the sentence above the table: what was compared on how many lines."""
    model, data = report.model, report.data
    return (
        f"{model.name} {model.version} ({model.artifact.sha256[:12]}) on {data.lines} lines "
        f"of {', '.join(data.sources)} ({data.sha256[:12]}), {threads_on(report.environment, report.options.threads)}"
    )


def reference_line(report: Report) -> str:
    """Return what the targets were compared with, and why it is not torch, if it is not."""
    if (r := report.reference) is None:
        return f"no reference: {report.note or NONE}"
    score = next((target.parity for target in report.targets if target.parity), None)
    rate = f", CER {percent(score.cer_reference)} %" if score else ""
    note = f"; {r.note}" if r.note else ""
    return f"reference: {r.runtime} {r.runtime_version} {r.precision} on {r.device}{rate}{note}"


def notes(report: Report) -> list[str]:
    """Return the sentences below the table: how to read it, and which lines were left out."""
    sentences = [
        "delta: points of CER above the reference; flips: lines whose text differs from the reference's",
    ]
    score = next((target.parity for target in report.targets if target.parity), None)
    if score:
        units = counted(score.clusters, score.interval_unit)
        sentences.append(f"interval: {CONFIDENCE:.0%} over {units}, by what differs between them, all lines together")
        sentences.append(guarantee(report))
    if fragile := [t.name for t in report.targets if t.sample_choice is LineChoice.FRAGILE and t.parity]:
        sentences.append(
            f"{', '.join(fragile)}: read the lines closest to changing, which are no sample: their flips count, their "
            "CER is not that of all lines"
        )
    if report.reference and report.note:
        sentences.append(report.note)
    if report.lm:
        lm = report.lm
        sentences.append(
            f"decoder: beam of {lm.beam} with language model {lm.lm_sha256[:12]}, alpha {lm.alpha:g}, "
            f"beta {lm.beta:g}, for the reference and every target"
        )
    if report.host:
        host = report.host
        sentences.append(
            f"per line, not in the times: preparing {host.prepare_p50_ms:.2f} ms, decoding {host.decode_p50_ms:.2f} ms"
            + (f" (greedy), {host.beam_p50_ms:.2f} ms (beam)" if host.beam_p50_ms is not None else "")
        )
    if report.baseline:
        sentences.append(f"speed: how many times faster than {report.baseline}, median over the lines")
    if skipped := report.data.skipped:
        counts = Counter(line.problem for line in skipped)
        kinds = ", ".join(f"{count} {problem}" for problem, count in sorted(counts.items()))
        sentences.append(f"skipped: {len(skipped)} lines ({kinds})")
    if seen := report.data.trained_on:
        sentences.append(f"the model was trained on {seen} of the lines, and reads them more surely than others")
    return sentences


def guarantee(report: Report) -> str:
    """Return what the verdict EQUIVALENT promises, and what it takes for granted."""
    parities = [target.parity for target in report.targets if target.parity]
    losses = sorted({100 * found.equivalence.largest_writer_loss for found in parities})
    points = " or ".join(f"{loss:g}" for loss in losses)
    taken = {found.interval_unit for found in parities} - {"writer"}
    granted = f"; each {' and '.join(sorted(taken))} is taken to be of another hand" if taken else ""
    return (
        f"EQUIVALENT: wrong in at most {LEVEL:.0%} of such samples, as long as no single writer loses more than "
        f"{points} points{granted}"
    )


def facts(report: Report) -> Mapping[str, str]:
    """Return the environment as names and values."""
    e = report.environment
    return {
        "made": report.created,
        "CPU": f"{e.cpu}, {e.cores} cores, {e.machine}",
        "CPU features": " ".join(e.isa) or NONE,
        "system": f"{e.os}, Python {e.python}",
        "packages": ", ".join(f"{name} {version}" for name, version in e.packages.items()),
        "threads per target": threads_on(e, e.threads),
        "frequency governor": e.governor or NONE,
        "load before the run": NONE if e.load_1min is None else f"{e.load_1min:g}",
        "model": report.model.artifact.sha256,
        "data": report.data.sha256,
        "reference artifact": report.reference.artifact.sha256 if report.reference else NONE,
    }


def devices(report: Report) -> Table:
    """Return one row per run on another machine: what that is, the runner's own times, and the sensors."""
    head = ("run", "machine", "system", "runner", "p50 ms", "p90", "p99", "°C before", "after", "battery %", "after")
    return Table(head, tuple(_row(run, device) for device in report.devices for run in device.runs), 4)


def device_notes(report: Report) -> list[str]:
    """Return how to read the table, and what does not fit into it."""
    from inkport.benchmarks.run.kit.judge import State

    notes = [
        "times: of the inference alone, by the runner's own clock, each line once; targets took no turns",
        "°C: the hottest sensor that the device tells of",
    ]
    for device in report.devices:
        if device.description is None:
            notes.append(f"{device.name}: was not reached")
        for run in device.runs:
            wrong = [f"{found.stage} ({found.fault})" for found in run.stages if found.state is State.WRONG]
            if wrong:
                notes.append(f"{run.target}: stages off their golden values: {', '.join(wrong)}")
            if run.waited_s:
                notes.append(f"{run.target}: waited {run.waited_s:.0f} s for the device to cool")
    return notes


def _row(run: DeviceRun, device: DeviceReport) -> tuple[str, ...]:
    about, times = device.description, run.times
    machine = ", ".join(part for part in (about.model, about.cpu) if part) if about else ""
    return (
        run.target,
        machine or (about.machine if about else None) or NONE,
        (about.os if about else None) or NONE,
        f"{run.runner.engine} {run.runner.version}".strip(),
        *((milliseconds(ms) for ms in (times.p50_ms, times.p90_ms, times.p99_ms)) if times else (NONE,) * 3),
        _hottest(run.before),
        _hottest(run.after),
        _battery(run.before),
        _battery(run.after),
    )


def _hottest(sensors: Sensors) -> str:
    return f"{sensors.hottest[1]:.1f}" if sensors.hottest else NONE


def _battery(sensors: Sensors) -> str:
    return NONE if sensors.battery_percent is None else f"{sensors.battery_percent:.0f}"
