"""What `inkport verify` found, in the order in which it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from inkport.benchmarks.measure.equivalence import Equivalence, Verdict
from inkport.benchmarks.measure.parity import DatasetScore, Parity, Score
from inkport.benchmarks.measure.units import counted
from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.report.junit import RESULTS, Case, Result
from inkport.benchmarks.report.presentation import Conclusion, Evidence, Presentation, Section, Sign, grouped
from inkport.benchmarks.report.rows import (
    INSIDE,
    between,
    by_dataset,
    by_harm,
    device_notes,
    devices,
    facts,
    headline,
    notes,
    percent,
    points,
    reference_line,
    speeds,
    summary,
    verdicts,
    words_and_edits,
    worst_writers,
)
from inkport.benchmarks.run.noise import Difference
from inkport.benchmarks.run.record import Outcome, TargetRecord
from inkport.core.tables import Table
from inkport.core.target import Budget, LineChoice


if TYPE_CHECKING:
    from inkport.benchmarks.report.flips import Picture


SIGNS = dict.fromkeys(Outcome, Sign.BAD) | {
    Outcome.PASS: Sign.GOOD,
    Outcome.REFERENCE: Sign.ABSENT,
    Outcome.INCONCLUSIVE: Sign.OPEN,
    Outcome.NOT_JUDGED: Sign.OPEN,
    Outcome.UNAVAILABLE: Sign.ABSENT,
}
"""What each outcome means."""
LABELS = {
    Sign.GOOD: "ship it",
    Sign.BAD: "do not ship it",
    Sign.OPEN: "not settled",
    Sign.ABSENT: "not tried here",
}
"""What to do."""
REQUIRED = "required, but not available here"
"""What is said of a target whose absence is a failure of the run."""


def sign_of(target: TargetRecord) -> Sign:
    """Return what the outcome of a target means; one that is required and not here is a question that is left open."""
    return Sign.OPEN if target.outcome is Outcome.UNAVAILABLE and target.required else SIGNS[target.outcome]


def conclusions(report: Report) -> tuple[Conclusion, ...]:
    """Return one sentence per target, the worst first; targets that have the same sentence share it.

    There is nothing to decide about the reference.
    """
    return grouped([_conclude(target, report) for target in report.targets if target.outcome is not Outcome.REFERENCE])


def _conclude(target: TargetRecord, report: Report) -> Conclusion:
    sign, parity, why = SIGNS[target.outcome], target.parity, target.reason
    fragile = target.sample_choice is LineChoice.FRAGILE and parity is not None and parity.flipped_lines > 0
    if parity is not None and not fragile:
        why = text_reason(target.outcome, why, parity, target.budget, ", ".join(report.data.sources))
    if sign is Sign.GOOD:
        why += _speed(target, report.baseline)
    if sign is Sign.ABSENT and target.required:
        return Conclusion(names=(target.name,), sign=Sign.OPEN, label=REQUIRED, why=why)
    return Conclusion(names=(target.name,), sign=sign, label=LABELS[sign], why=why)


def text_reason(outcome: Outcome, reason: str, parity: Parity, budget: Budget, where: str) -> str:
    """Return why a target ended where it did, as far as its text decided that.

    Args:
        outcome: Where it ended.
        reason: The reason that its report gives; kept where the text did not decide.
        parity: Its text.
        budget: What it may lose.
        where: Name of the lines.
    """
    if outcome is Outcome.PASS:
        within = f"within {100 * parity.equivalence.margin:g}"
        return f"{flipped(parity)}, CER {points(parity.delta)} points, proven to be {within}"
    if outcome is Outcome.TEXT_DIFFERS:
        return _loss(parity, budget, where)
    return f"{flipped(parity)}, but {_missing(parity, where)}" if outcome is Outcome.INCONCLUSIVE else reason


def _loss(parity: Parity, budget: Budget, where: str) -> str:
    """Return by how much more than allowed a text differs."""
    many = budget.flipped_lines is not None and parity.flipped_lines > budget.flipped_lines
    rows: list[tuple[str, Score]] = [(f" on {row.dataset or where}", row) for row in parity.datasets]
    proven = [
        f"CER {points(row.delta)} points{name} ({100 * row.equivalence.margin:g} allowed)"
        for name, row in [("", parity), *rows]
        if row.equivalence.verdict in {Verdict.WORSE, Verdict.BETTER}
    ]
    worst, allowed = parity.worst_writer, parity.equivalence.writer_may_lose
    lost = [f"{points(worst.delta)} points for one {worst.kind}"] if worst and worst.interval[0] > allowed else []
    return ", ".join([flipped(parity) + (f" ({budget.flipped_lines} may)" if many else ""), *proven, *lost])


def flipped(parity: Parity) -> str:
    """Return how many lines changed, in words."""
    if not parity.flipped_lines:
        return f"none of {parity.lines} lines reads differently"
    verb = "reads" if parity.flipped_lines == 1 else "read"
    return f"{parity.flipped_lines} of {parity.lines} lines {verb} differently"


def _missing(parity: Parity, where: str) -> str:
    """Return how much more of which lines would settle a target that these lines leave open."""
    rows: list[tuple[str, Score]] = [
        (row.dataset or where, row)
        for row in parity.datasets
        if abs(row.delta) > row.equivalence.margin and row.equivalence.verdict is Verdict.INCONCLUSIVE
    ]
    if parity.equivalence.verdict is Verdict.INCONCLUSIVE and len(rows) < len(parity.datasets):
        rows.insert(0, (where, parity))
    return ", and ".join(_further(row, name) for name, row in rows)


def _further(row: Score, where: str) -> str:
    more, have = row.equivalence.further_writers, counted(row.clusters, row.interval_unit)
    cannot = f"{have} of {where} cannot prove {100 * row.equivalence.margin:g} points"
    if more is None:
        return f"{cannot}, and no number would: the difference is about as large"
    return f"{cannot}: about {counted(more, row.interval_unit).replace(' ', ' more ', 1)} would settle it"


def _speed(target: TargetRecord, baseline: str | None) -> str:
    latency = target.latency
    if latency is None or latency.speed_up is None or baseline in {None, target.name}:
        return ""
    if latency.difference is Difference.NONE:
        return f", as fast as {baseline}"
    return f", {latency.speed_up:.2f} times as fast as {baseline}"


def too_few(report: Report) -> list[str]:
    """Return a sentence for each data set that proves nothing by itself: how much it has, and how much would do."""
    found: dict[tuple[str, bool, str, float], list[tuple[str, int | None]]] = {}
    for target in report.targets:
        for row in target.parity.datasets if target.parity else ():
            if row.equivalence.verdict is Verdict.INCONCLUSIVE:
                more, have = row.equivalence.further_writers, counted(row.clusters, row.interval_unit)
                key = (row.dataset, row.seen_writer, have, row.equivalence.margin)
                needed = None if more is None else row.clusters + more
                found.setdefault(key, []).append((target.name, needed))
    return [_too_few(*key, needs) for key, needs in found.items()]


def _too_few(dataset: str, seen: bool, have: str, margin: float, needs: Sequence[tuple[str, int | None]]) -> str:
    name = (dataset or "all lines") + (" (seen writers)" if seen else "")
    numbers = sorted({needed for _, needed in needs if needed is not None})
    never = [target for target, needed in needs if needed is None]
    would = ""
    if numbers:
        span = f"{numbers[0]}" + (f" to {numbers[-1]}" if numbers[1:] else "")
        would = f"; {span} would" + (" (it depends on the target)" if numbers[1:] else "")
    if never:
        would += f"; no number would for {', '.join(never)}: the difference seen is about as large"
    return f"{name}: {have} cannot prove {100 * margin:g} points{would}"


VERDICTS = {
    Verdict.EQUIVALENT: Sign.GOOD,
    Verdict.WORSE: Sign.BAD,
    Verdict.BETTER: Sign.BAD,
    Verdict.INCONCLUSIVE: Sign.OPEN,
}
"""What each verdict means."""


Pictures = Callable[[], "Mapping[str, Picture]"]
"""Makes the pictures of the flipped lines, by id: only the page asks for them."""


def present(report: Report, images: Pictures = dict) -> Presentation:
    """Return the report of `inkport verify` as it is read.

    Args:
        report: The report.
        images: What the page shows of the flipped lines.
    """
    return Presentation(
        title="inkport verify",
        about=report.model.name,
        subject=(headline(report), reference_line(report)),
        conclusions=conclusions(report),
        sections=tuple(_sections(report, images)),
        signs={str(word): sign for word, sign in (SIGNS | VERDICTS).items()},
        cases=tuple(cases(report)),
        created=report.created,
    )


def _sections(report: Report, images: Pictures) -> Iterable[Section]:
    yield Section(name="Targets", tables=(summary(report),), sentences=tuple(notes(report)))
    if reasons := [f"{target.name}: {target.reason}" for target in report.targets if target.reason and target.parity]:
        yield Section(name="Reasons", sentences=tuple(reasons))
    datasets = by_dataset(report)
    several = len({row[:2] for row in datasets.rows}) > 1
    yield Section(name="Data sets", tables=(datasets,), sentences=tuple(too_few(report)), terminal=several)
    if (worst := worst_writers(report)).rows:
        yield Section(name="Worst writer", tables=(worst,))
    if report.devices:
        yield Section(name="Devices", tables=(devices(report),), sentences=tuple(device_notes(report)))
    yield Section(name="Verdicts", tables=(verdicts(report),), terminal=False)
    yield Section(name="Plots", evidence=lambda: _plots(report), terminal=False)
    yield Section(name="Words and edits", tables=(words_and_edits(report),), terminal=False)
    if (timed := speeds(report)).rows:
        yield Section(name="Speed", tables=(timed,), terminal=False)
    yield Section(
        name="Flipped lines",
        tables=(_flips(report),),
        evidence=lambda: _ledger(report, images),
        terminal=False,
    )
    yield Section(
        name="Environment", tables=(Table(("what", "value"), tuple(facts(report).items()), 2),), terminal=False
    )


def _plots(report: Report) -> Evidence:
    # Here and below: only a page needs drawings and pictures.
    from inkport.benchmarks.report.plots import draw_plots

    return Evidence(draw_plots(report))


def _ledger(report: Report, images: Pictures) -> Evidence:
    from inkport.benchmarks.report.flips import flip_evidence

    return flip_evidence(report, images())


def _flips(report: Report) -> Table:
    """Return the most harmful of the flipped lines as a table."""
    found = by_harm(report)
    rows = tuple(
        (flip.id, name, flip.text, flip.reading_reference, flip.reading, ", ".join(c.effect for c in flip.changes))
        for _, flips in found[:INSIDE]
        for name, flip in flips
    )
    caption = f"The {INSIDE} most harmful of {len(found)} lines; report.json has all." if found[INSIDE:] else ""
    return Table(("line", "target", "text", "reference read", "target read", "changes"), rows, 6, caption)


def cases(report: Report) -> list[Case]:
    """Return the cases of `inkport verify`: a suite per target, a case for its outcome and one for each data set."""
    return [case for target in report.targets for case in _cases(target)]


def _cases(target: TargetRecord) -> list[Case]:
    broken = target.outcome is Outcome.UNAVAILABLE and target.required
    whole = Case(
        suite=target.name,
        name="outcome",
        result=Result.ERROR if broken else RESULTS[target.outcome],
        message=f"{target.outcome}: {target.reason}" if target.reason else "",
        output=_times(target),
    )
    return [whole, *(_dataset_case(target.name, row) for row in (target.parity.datasets if target.parity else ()))]


def _times(target: TargetRecord) -> str:
    latency = target.latency
    return f"p50 {latency.p50_ms:.3f} ms, p90 {latency.p90_ms:.3f} ms, p99 {latency.p99_ms:.3f} ms" if latency else ""


def _dataset_case(target: str, row: DatasetScore) -> Case:
    found = row.equivalence
    figures = (
        f"CER {percent(row.cer)} %, reference {percent(row.cer_reference)} %, difference {points(row.delta)} points, "
        f"95 % interval {between(row.interval)}, margin {100 * found.margin:g}, "
        f"{row.flipped_lines} of {row.lines} lines flipped"
    )
    result = _dataset_result(found)
    writers = " (seen writers)" if row.seen_writer else ""
    message = "" if result is Result.PASSED else f"{found.verdict}: {figures}"
    return Case(
        suite=target, name=(row.dataset or "all lines") + writers, result=result, message=message, output=figures
    )


def _dataset_result(found: Equivalence) -> Result:
    if found.verdict is Verdict.EQUIVALENT:
        return Result.PASSED
    return Result.SKIPPED if found.verdict is Verdict.INCONCLUSIVE else Result.FAILURE
