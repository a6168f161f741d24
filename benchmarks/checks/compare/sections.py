"""A comparison in the order in which it is read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from inkport.benchmarks.checks.compare.changes import PaceChange, RateChange
from inkport.benchmarks.checks.compare.judge import Comparison, Subject, TargetChange
from inkport.benchmarks.measure.equivalence import Verdict
from inkport.benchmarks.report.junit import Case, Result
from inkport.benchmarks.report.presentation import Conclusion, Presentation, Section, Sign, grouped
from inkport.benchmarks.report.rows import NONE, between, milliseconds, percent, points
from inkport.benchmarks.run.record import Outcome
from inkport.core.tables import Table


NAMED = 3
"""How many lines a sentence names; the JSON form lists all."""


def present(comparison: Comparison) -> Presentation:
    """Return the comparison as it is read: each regression in a sentence, and what could not be compared."""
    tables = {"Texts": texts(comparison), "Worst writer": worst_writers(comparison), "Speed": speeds(comparison)}
    lines = {"Changes": _changes(comparison), "Not compared": _notes(comparison)}
    sections = [Section(name=name, tables=(table,)) for name, table in tables.items() if table.rows]
    sections += [Section(name=name, sentences=tuple(found)) for name, found in lines.items() if found]
    regressed = [target.name for target in comparison.targets if target.regressions]
    return Presentation(
        title="inkport compare",
        about="what changed",
        subject=(
            f"before: {comparison.first}",
            f"after:  {comparison.second}",
            *(f"{key}: {_from_to(pair)}" for key, pair in comparison.differing.items()),
        ),
        conclusions=grouped([_conclude(target) for target in _present(comparison)]),
        sections=tuple(sections),
        cases=tuple(case for target in comparison.targets for case in _cases(target)),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        verdict=f"{len(regressed)} of {len(comparison.targets)} targets regressed" if regressed else "no regression",
    )


def _conclude(target: TargetChange) -> Conclusion:
    if target.regressions:
        why = " ".join(target.regressions)
        return Conclusion(names=(target.name,), sign=Sign.BAD, label="regressed", why=why)
    return Conclusion(names=(target.name,), sign=Sign.GOOD, label="no regression", why="")


def texts(comparison: Comparison) -> Table:
    """Return one row per target and data set: outcome, CER and flips."""
    head = ("target", "data set", "outcome", "verdict", "lines", "CER %", "now", "change", "95% interval", "flips")
    rows: list[tuple[str, ...]] = []
    for target in _present(comparison):
        outcome = _arrow(str(target.before or NONE), str(target.after or NONE))
        flips = f"+{len(target.flips_gained)} -{len(target.flips_lost)}"
        if not target.rates:
            rows.append((target.name, "", outcome, NONE, *(NONE,) * 6))
        for number, rate in enumerate(target.rates):
            first = (target.name, "all", outcome) if number == 0 else ("", rate.dataset or NONE, "")
            rows.append((*first, *_rate_cells(rate), flips if number == 0 else ""))
    return Table(head, tuple(rows), 4)


def worst_writers(comparison: Comparison) -> Table:
    """Return one row per target that has one: the writer whose CER rose most."""
    head = ("target", "unit", "data set", "a line of it", "lines", "CER %", "now", "change", "95% as the worst")
    rows = tuple(
        (
            target.name,
            w.kind,
            w.dataset or NONE,
            w.line,
            str(w.lines),
            percent(w.cer_reference),
            percent(w.cer),
            points(w.delta),
            between(w.interval),
        )
        for target in comparison.targets
        if (w := target.worst_writer)
    )
    return Table(head, rows, 4)


def speeds(comparison: Comparison) -> Table:
    """Return one row per target that was timed in both reports: latency and size."""
    head = ("target", "p50 ms", "now", "ratio", "95% interval", "noise", "MB", "now")
    rows = tuple(
        (target.name, *_pace_cells(target.pace), _megabytes(target.bytes_before), _megabytes(target.bytes_after))
        for target in comparison.targets
        if target.pace
    )
    return Table(head, rows, 1)


def _present(comparison: Comparison) -> list[TargetChange]:
    """Return the targets that at least one of the reports could run."""
    absent = {None, Outcome.UNAVAILABLE}
    return [target for target in comparison.targets if not {target.before, target.after} <= absent]


def _rate_cells(rate: RateChange) -> tuple[str, ...]:
    verdict = str(rate.equivalence.verdict) if rate.equivalence else NONE
    figures = (str(rate.lines), percent(rate.before), percent(rate.after), points(rate.delta))
    return (verdict, *figures, between(rate.interval))


def _pace_cells(pace: PaceChange) -> tuple[str, ...]:
    ratio = NONE if pace.ratio is None else f"{pace.ratio:.2f}x"
    interval = NONE if pace.interval is None else f"{pace.interval[0]:.2f}..{pace.interval[1]:.2f}"
    return (
        milliseconds(pace.before_ms),
        milliseconds(pace.after_ms),
        ratio,
        interval,
        NONE if pace.noise is None else f"{pace.noise:.1%}",
    )


def _changes(comparison: Comparison) -> list[str]:
    sentences = []
    for target in comparison.targets:
        parts = [
            f"{key} {_from_to(pair)}" for key, pair in target.identity.items() if key not in {"artifact", "calibration"}
        ]
        parts += [f"another {key}" for key in ("artifact", "calibration") if key in target.identity]
        for what, lines in (
            ("flipped now", target.flips_gained),
            ("not flipped any more", target.flips_lost),
            ("flipped to another reading", target.flips_changed),
        ):
            parts += [f"{what}: {_named(lines)}"] if lines else []
        if parts:
            sentences.append(f"{target.name}: {'; '.join(parts)}")
    return sentences


def _notes(comparison: Comparison) -> list[str]:
    present = _present(comparison)
    own = [f"{target.name}: {note}" for target in present for note in target.notes]
    hidden = len(comparison.targets) - len(present)
    return [*comparison.notes, *own, *([f"targets available in neither report: {hidden}"] if hidden else [])]


def _cases(target: TargetChange) -> list[Case]:
    found = list(zip(target.subjects, target.regressions, strict=True))
    worse = [reason for subject, reason in found if subject in {Subject.OUTCOME, Subject.WRITER}]
    outcome = f"{_arrow(str(target.before or 'absent'), str(target.after or 'absent'))}"
    cases = [_case(target.name, "outcome", bool(worse), " ".join([outcome, *worse]))]
    for rate in target.rates:
        verdict = rate.equivalence.verdict if rate.equivalence else None
        figures = f"CER {percent(rate.before)} to {percent(rate.after)} %, {verdict or 'not judged'}"
        name = f"CER on {rate.dataset}" if rate.dataset else "CER"
        cases.append(_case(target.name, name, verdict is Verdict.WORSE, figures, judged=verdict is not None))
    if target.pace:
        slower = next((reason for subject, reason in found if subject is Subject.LATENCY), "")
        figures = slower or f"p50 {target.pace.before_ms:.3f} to {target.pace.after_ms:.3f} ms. {target.pace.reason}"
        cases.append(_case(target.name, "latency", bool(slower), figures, judged=target.pace.interval is not None))
    return cases


def _case(suite: str, name: str, regressed: bool, figures: str, *, judged: bool = True) -> Case:
    result = Result.FAILURE if regressed else Result.PASSED if judged else Result.SKIPPED
    message = "" if result is Result.PASSED else figures
    return Case(suite=suite, name=name, result=result, message=message, output=figures)


def _named(lines: Sequence[str]) -> str:
    return ", ".join(lines[:NAMED]) + (f" and {len(lines) - NAMED} more" if len(lines) > NAMED else "")


def _from_to(pair: tuple[str, str]) -> str:
    return " to ".join(" ".join(_short(word) for word in text.split()) or "none" for text in pair)


def _short(word: str) -> str:
    return word[:12] if len(word) == 64 else word


def _arrow(before: str, after: str) -> str:
    return before if before == after else f"{before} to {after}"


def _megabytes(size: int | None) -> str:
    return NONE if size is None else f"{size / 1e6:.1f}"
