"""What `inkport verify` found, in the order in which it is read."""

from __future__ import annotations

from collections.abc import Iterable

from inkport.benchmarks.measure.equivalence import Verdict
from inkport.benchmarks.report.conclusion import SIGNS, conclusions, too_few
from inkport.benchmarks.report.devices import device_notes, devices
from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.report.flips import INSIDE, by_harm, flip_evidence
from inkport.benchmarks.report.junit import cases
from inkport.benchmarks.report.pictures import pictures
from inkport.benchmarks.report.plots import draw_plots
from inkport.benchmarks.report.presentation import Evidence, Presentation, Section, Sign
from inkport.benchmarks.report.rows import (
    by_dataset,
    flips_by_line,
    speeds,
    summary,
    verdicts,
    words_and_edits,
    worst_writers,
)
from inkport.benchmarks.report.sentences import facts, headline, notes, reference_line
from inkport.core.tables import Table
from inkport.lines.line import Line


VERDICTS = {
    Verdict.EQUIVALENT: Sign.GOOD,
    Verdict.WORSE: Sign.BAD,
    Verdict.BETTER: Sign.BAD,
    Verdict.INCONCLUSIVE: Sign.OPEN,
}
"""What each verdict means."""


def present(report: Report, lines: Iterable[Line] = ()) -> Presentation:
    """Return the report of `inkport verify` as it is read.

    Args:
        report: The report.
        lines: The lines that it is about, for the page, which shows the flipped ones.
    """
    return Presentation(
        title="inkport verify",
        about=report.model.name,
        subject=(headline(report), reference_line(report)),
        conclusions=conclusions(report),
        sections=tuple(_sections(report, lines)),
        signs={str(word): sign for word, sign in (SIGNS | VERDICTS).items()},
        cases=tuple(cases(report)),
        created=report.created,
    )


def _sections(report: Report, lines: Iterable[Line]) -> Iterable[Section]:
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
    yield Section(name="Plots", evidence=lambda: Evidence(draw_plots(report)), terminal=False)
    yield Section(name="Words and edits", tables=(words_and_edits(report),), terminal=False)
    if (timed := speeds(report)).rows:
        yield Section(name="Speed", tables=(timed,), terminal=False)
    yield Section(
        name="Flipped lines",
        tables=(_flips(report),),
        evidence=lambda: flip_evidence(report, pictures(lines, flips_by_line(report))),
        terminal=False,
    )
    yield Section(
        name="Environment", tables=(Table(("what", "value"), tuple(facts(report).items()), 2),), terminal=False
    )


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
