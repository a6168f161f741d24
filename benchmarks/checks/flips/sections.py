"""Predicted against observed flips, in the order in which it is read."""

from __future__ import annotations

from inkport.benchmarks.checks.flips.forecast import Forecast, Fragile, Surprise
from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.report.presentation import Conclusion, Presentation, Section, Sign, grouped
from inkport.benchmarks.report.rows import NONE
from inkport.benchmarks.report.sections import SIGNS, sign_of
from inkport.benchmarks.run.record import TargetRecord
from inkport.core.tables import Table


NAMED = 10
"""Fragile lines that are named here; the report lists them all."""


def present(report: Report) -> Presentation:
    """Return the forecast as it is read, with the most fragile lines."""
    model, data, reference = report.model, report.data, report.reference
    head = (
        f"{model.name} {model.version} ({model.artifact.sha256[:12]}) on {data.lines} lines of "
        f"{', '.join(data.sources)} ({data.sha256[:12]}); errors learned from {report.options.probes} of them"
    )
    subject = [head]
    if reference:
        note = f"; {reference.note}" if reference.note else ""
        subject.append(f"reference: {reference.runtime} {reference.runtime_version} {reference.precision}{note}")
    named = ", ".join(
        f"{line.id} ({NONE if line.threshold is None else f'{line.threshold:.3f}'})"
        for line in report.section(Fragile).fragile[:NAMED]
    )
    notes = (
        "predicted: lines expected to read differently, with a 95% interval; probe lines are not among them",
        f"in fragile: flips among the {report.options.fragile} lines with the smallest gaps that matter",
        f"most fragile: {named}",
    )
    return Presentation(
        title="inkport diagnose flips",
        about=model.name,
        subject=tuple(subject),
        conclusions=grouped([_conclude(target) for target in report.targets]),
        sections=(Section(name="Targets", tables=(_table(report),), sentences=notes),),
        signs={str(outcome): sign for outcome, sign in SIGNS.items()},
        created=report.created,
        verdict=_verdict(report),
    )


def _verdict(report: Report) -> str:
    found = [forecast for target in report.targets if (forecast := target.section(Forecast).forecast)]
    ran = f"{len(found)} of {len(report.targets)} targets ran"
    if not any(forecast.surprise for forecast in found):
        return ran
    return f"{ran}; {sum(forecast.surprise is Surprise.NONE for forecast in found)} read as predicted"


def _conclude(target: TargetRecord) -> Conclusion:
    found, sign = target.section(Forecast).forecast, sign_of(target)
    if found is None:
        return Conclusion(names=(target.name,), sign=sign, label=str(target.outcome), why=target.reason)
    low, high = found.interval
    label = f"{found.expected:.0f} of {found.lines} lines will read differently ({low:.0f} to {high:.0f})"
    if found.surprise is None:
        return Conclusion(names=(target.name,), sign=sign, label=label, why=target.reason)
    expected = found.surprise is Surprise.NONE
    why = f"{found.observed} do, {found.surprise}"
    return Conclusion(names=(target.name,), sign=sign if expected else Sign.OPEN, label=label, why=why)


def _table(report: Report) -> Table:
    head = ("target", "outcome", "flips", "error rms", "lines", "predicted", "95% interval", "observed", "in fragile")
    return Table(head, tuple(_row(target) for target in report.targets), 3)


def _row(target: TargetRecord) -> tuple[str, ...]:
    found = target.section(Forecast).forecast
    if found is None:
        return (target.name, str(target.outcome), *(NONE,) * 7)
    low, high = found.interval
    return (
        target.name,
        str(target.outcome),
        NONE if found.surprise is None else str(found.surprise),
        f"{found.error_rms:.2g}",
        str(found.lines),
        f"{found.expected:.1f}",
        f"{low:.0f}..{high:.0f}",
        NONE if found.observed is None else str(found.observed),
        NONE if found.fragile_flips is None else str(found.fragile_flips),
    )
