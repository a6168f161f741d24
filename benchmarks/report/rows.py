"""What every view shows: the report's figures as rows of strings."""

from __future__ import annotations

from inkport.benchmarks.measure.edits import Edits
from inkport.benchmarks.measure.equivalence import Verdict
from inkport.benchmarks.measure.parity import DatasetScore, Flip
from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.run.machine.noise import Difference
from inkport.benchmarks.run.record import TargetRecord
from inkport.core.tables import Table


NONE = "-"
"""Shown for what was not measured."""
NOT_RUN = "not run"
"""Shown as the proof of a target that read nothing."""
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
            points(parity.delta),
            between(parity.interval),
            str(parity.flipped_lines),
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


def by_dataset(report: Report) -> Table:
    """Return one row per data set and target, lines of seen and unseen writers apart."""
    head = ("data set", "writers", "target", "verdict", "lines", "CER %", "ref %", "delta", "95% interval", "flips")
    order = dict.fromkeys((row.dataset, row.seen_writer) for target in report.targets for row in _datasets(target))
    rows = [
        (
            row.dataset or NONE,
            "seen" if row.seen_writer else "unseen",
            target.name,
            _verdict(row),
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


def _verdict(row: DatasetScore) -> str:
    """Return the verdict; where no line flipped, too few writers are no failure and do not look like one."""
    same = row.equivalence.verdict is Verdict.INCONCLUSIVE and not row.flipped_lines
    return SAME if same else str(row.equivalence.verdict)


def words_and_edits(report: Report) -> Table:
    """Return one row per target that read: word error rates and the kinds of its edits; the reference first."""
    head = ("system", "WER %", "WER (HTR) %", "substitutions", "insertions", "deletions", "of symbols")
    scores = [(target.name, target.parity) for target in report.targets if target.parity]
    rows = [(name, percent(s.wer), percent(s.wer_htr), *_edit_cells(s.edits), str(s.symbols)) for name, s in scores]
    if scores:
        s = scores[0][1]
        first = ("reference", percent(s.wer_reference), percent(s.wer_htr_reference))
        rows.insert(0, (*first, *_edit_cells(s.edits_reference), str(s.symbols)))
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
        if (p := target.parity)
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
    head = ("target", "runtime", "version", "cold start ms", "lines/s", "lines timed", "artefact")
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


def _edit_cells(edits: Edits) -> tuple[str, str, str]:
    return str(edits.substitutions), str(edits.insertions), str(edits.deletions)


def _datasets(target: TargetRecord) -> tuple[DatasetScore, ...]:
    return target.parity.datasets if target.parity else ()
