"""Predicted against observed flips, for a terminal."""

from __future__ import annotations

from inkport.benchmarks.checks.flips.report import Forecast, Fragile
from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.report.rows import NONE
from inkport.benchmarks.report.text import aligned, wrap
from inkport.benchmarks.run.record import TargetRecord
from inkport.core.tables import Table


NAMED = 10
"""Fragile lines that are named here; the report lists them all."""


def render_margins(report: Report) -> str:
    """Return the table with its headline, the most fragile lines, and the reasons of what did not run."""
    model, data, reference = report.model, report.data, report.reference
    head = (
        f"{model.name} {model.version} ({model.artifact.sha256[:12]}) on {data.lines} lines of "
        f"{', '.join(data.sources)} ({data.sha256[:12]}); errors learnt from {report.options.probes} of them"
    )
    blocks = [wrap(head)]
    if reference:
        note = f"; {reference.note}" if reference.note else ""
        blocks[0] += "\n" + wrap(
            f"reference: {reference.runtime} {reference.runtime_version} {reference.precision}{note}"
        )
    blocks.append(aligned(_table(report)))
    blocks += [wrap(f"{target.name}: {target.reason}") for target in report.targets if target.reason]
    named = ", ".join(
        f"{line.id} ({NONE if line.threshold is None else f'{line.threshold:.3f}'})"
        for line in report.section(Fragile).fragile[:NAMED]
    )
    blocks.append(
        "\n".join(
            wrap(sentence)
            for sentence in (
                "predicted: lines expected to read differently, with a 95% interval; probe lines are not among them",
                f"in fragile: flips among the {report.options.fragile} lines with the smallest margins that matter",
                f"most fragile: {named}",
            )
        )
    )
    return "\n\n".join(blocks) + "\n"


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
