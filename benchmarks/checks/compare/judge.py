"""What changed from one report to the other, target by target, and which changes are regressions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from inkport.benchmarks.checks.compare.changes import PaceChange, RateChange, pace_change, rate_changes, worst_change
from inkport.benchmarks.checks.compare.document import ReportedTarget, Run
from inkport.benchmarks.measure.equivalence import Verdict
from inkport.benchmarks.measure.units import WorstWriter
from inkport.benchmarks.report.envelope import Document
from inkport.benchmarks.run.record import Outcome
from inkport.core.errors import DataError


ORDER = (
    Outcome.PASS,
    Outcome.REFERENCE,
    Outcome.INCONCLUSIVE,
    Outcome.NOT_JUDGED,
    Outcome.LATENCY_OVER_BUDGET,
    Outcome.FELL_BACK,
    Outcome.DIVERGED,
    Outcome.TEXT_DIFFERS,
    Outcome.VIOLATED,
    Outcome.RUN_FAILED,
    Outcome.LOAD_FAILED,
    Outcome.EXPORT_FAILED,
)
"""Outcomes from good to bad; an unavailable target stands apart."""


class Subject(StrEnum):
    """What a regression is about."""

    OUTCOME = "outcome"
    """Where the target ended."""
    CER = "CER"
    """Its text on all lines or on a data set."""
    WRITER = "writer"
    """Its text on one writer's lines."""
    LATENCY = "latency"
    """Its speed."""


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """What may change without being a regression."""

    max_cer: float | None = None
    """CER increase that is taken as none; each target's own ``cer_margin`` if None."""
    max_slower: float = 0.1
    """Share by which a target may become slower, on top of the machine's noise."""


@dataclass(frozen=True, kw_only=True)
class TargetChange:
    """One target in both reports; ``before`` or ``after`` is absent if it is in one only."""

    name: str
    """Its name."""
    before: Outcome | None
    """Where it ended in the first report."""
    after: Outcome | None
    """Where it ended in the second."""
    rates: tuple[RateChange, ...]
    """Its CER on all lines, then on each data set."""
    worst_writer: WorstWriter | None
    """The writer (or document) whose CER rose most; absent where none is known or lines cannot be paired."""
    flips_gained: tuple[str, ...]
    """Lines that only the second report has among the flipped."""
    flips_lost: tuple[str, ...]
    """Lines that only the first report has among the flipped."""
    flips_changed: tuple[str, ...]
    """Lines that are flipped in both, and read differently."""
    pace: PaceChange | None
    """Its latency."""
    bytes_before: int | None
    """Size of its artifact in the first report."""
    bytes_after: int | None
    """The same in the second."""
    identity: Mapping[str, tuple[str, str]]
    """What it is made of, where that differs: before and after."""
    regressions: tuple[str, ...]
    """A sentence for each regression."""
    subjects: tuple[Subject, ...]
    """What each of them is about."""
    notes: tuple[str, ...]
    """What could not be compared, and why."""


@dataclass(frozen=True, kw_only=True)
class Comparison(Document):
    """Two reports side by side."""

    NAME = "compare"

    regressed: bool
    """Whether any target regressed."""
    first: str
    """Name and date of the first report."""
    second: str
    """The same of the second."""
    differing: Mapping[str, tuple[str, str]]
    """Digests and versions of model, data and reference that differ: before and after."""
    notes: tuple[str, ...]
    """What the comparison lacks, and why."""
    targets: tuple[TargetChange, ...]
    """One entry per target of either report, in the order of the second."""

    @property
    def exit_code(self) -> int:
        """0 no target regressed, 1 one did."""
        return int(self.regressed)


def compare_runs(
    first: Run, second: Run, *, tolerance: Tolerance | None = None, allow_other_data: bool = False
) -> Comparison:
    """Compare two reports.

    Args:
        first: The baseline.
        second: What is compared with it.
        tolerance: What may change.
        allow_other_data: Whether the reports may be about different lines; their CER is then not judged.

    Raises:
        DataError: If they are about different lines and that is not allowed.
    """
    tolerance = tolerance or Tolerance()
    same = first.data == second.data
    if not same and not allow_other_data:
        raise DataError(
            f"{first.name} is about the lines {first.data[:12]}, {second.name} about {second.data[:12]}",
            remedy="verify both on the same lines, or compare what can be compared with --allow-other-data",
        )
    notes = (
        [] if same else ["The reports are about different lines: differences of CER have no interval and no verdict."]
    )
    if same and (missing := [run.name for run in (first, second) if run.per_line is None]):
        notes.append(
            f"No figures per line in {' and '.join(missing)}: differences of CER have no interval, no verdict."
        )
    names = dict.fromkeys([*second.rows, *first.rows])
    targets = tuple(_target(name, first, second, tolerance) for name in names)
    return Comparison(
        regressed=any(target.regressions for target in targets),
        first=f"{first.name} of {first.created}",
        second=f"{second.name} of {second.created}",
        differing=_differing(first.digests, second.digests),
        notes=tuple(notes),
        targets=targets,
    )


def _target(name: str, first: Run, second: Run, tolerance: Tolerance) -> TargetChange:
    before, after = first.rows.get(name), second.rows.get(name)
    rates: tuple[RateChange, ...] = ()
    pace, worst = None, None
    if before and after:
        margin = after.margin if tolerance.max_cer is None else tolerance.max_cer
        lines = second.per_line if first.data == second.data and first.per_line else None
        rates = rate_changes(before, after, lines, margin=margin)
        worst = worst_change(before, after, lines)
        pace = pace_change(before, after, first, second)
    old, new = (before.flips if before else {}), (after.flips if after else {})
    sentences = [
        (Subject.OUTCOME, _lost(before, after)),
        *((Subject.CER, _read_worse(rate)) for rate in rates),
        (Subject.WRITER, _lost_writer(worst, rates)),
        (Subject.LATENCY, _slower(pace, tolerance)),
    ]
    regressions = [(subject, sentence) for subject, sentence in sentences if sentence]
    notes = [_absence(before, after), pace.reason if pace else "", *_one_sided(before, after)]
    return TargetChange(
        name=name,
        before=before.outcome if before else None,
        after=after.outcome if after else None,
        rates=rates,
        worst_writer=worst,
        flips_gained=tuple(line for line in new if line not in old),
        flips_lost=tuple(line for line in old if line not in new),
        flips_changed=tuple(line for line in new if line in old and new[line] != old[line]),
        pace=pace,
        bytes_before=before.bytes if before else None,
        bytes_after=after.bytes if after else None,
        identity=_differing(before.identity, after.identity) if before and after else {},
        regressions=tuple(sentence for _, sentence in regressions),
        subjects=tuple(subject for subject, _ in regressions),
        notes=tuple(filter(None, notes)),
    )


def _lost(before: ReportedTarget | None, after: ReportedTarget | None) -> str:
    """Return the sentence about a target that ended worse or is gone; empty if it is not."""
    if before is None or before.outcome is Outcome.UNAVAILABLE:
        return ""
    if after is None:
        return "It is in the first report only: nothing says that it still works."
    reason = f" {after.reason}" if after.reason else ""
    if after.outcome is Outcome.UNAVAILABLE:
        return f"It is not available any more.{reason}" if after.required else ""
    # What was the reference itself had proven nothing that could be lost, except that it runs.
    held = Outcome.INCONCLUSIVE if before.outcome is Outcome.REFERENCE else before.outcome
    if ORDER.index(after.outcome) > ORDER.index(held):
        return f"The outcome went from {before.outcome} to {after.outcome}.{reason}"
    return ""


def _absence(before: ReportedTarget | None, after: ReportedTarget | None) -> str:
    if before is None:
        return "It is in the second report only."
    if after and before.outcome is not Outcome.UNAVAILABLE and after.outcome is Outcome.UNAVAILABLE:
        return "" if after.required else f"It was not available for the second report. {after.reason}"
    return ""


def _one_sided(before: ReportedTarget | None, after: ReportedTarget | None) -> list[str]:
    if before and after and before.lines and after.lines and before.lines != after.lines:
        return [f"It read {before.lines} lines before and {after.lines} now; only lines that both read are compared."]
    return []


def _read_worse(rate: RateChange) -> str:
    if rate.equivalence is None or rate.interval is None or rate.equivalence.verdict is not Verdict.WORSE:
        return ""
    low, high = rate.interval
    where = f" on {rate.dataset}" if rate.dataset else ""
    return (
        f"CER{where} rose from {100 * rate.before:.2f} to {100 * rate.after:.2f} %, by more than the "
        f"{100 * rate.equivalence.margin:g} points that are tolerated (95 % interval of the difference "
        f"{100 * low:+.2f} to {100 * high:+.2f})."
    )


def _lost_writer(worst: WorstWriter | None, rates: Sequence[RateChange]) -> str:
    found = rates[0].equivalence if rates else None
    if worst is None or found is None or worst.interval[0] <= found.writer_may_lose:
        return ""
    return worst.sentence(found.writer_may_lose)


def _slower(pace: PaceChange | None, tolerance: Tolerance) -> str:
    if pace is None or pace.interval is None or pace.ratio is None or not pace.slower_by(tolerance.max_slower):
        return ""
    low, high = pace.interval
    machine = "" if pace.noise is None else f" and {pace.noise:.1%} may be the machine"
    return (
        f"It takes {pace.ratio:.2f} times as long per line (95 % interval {low:.2f} to {high:.2f}); "
        f"{tolerance.max_slower:.0%} is tolerated{machine}."
    )


def _differing(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    keys = dict.fromkeys([*before, *after])
    return {key: (before.get(key, ""), after.get(key, "")) for key in keys if before.get(key) != after.get(key)}
