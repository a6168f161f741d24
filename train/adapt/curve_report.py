"""What a held-out-writer experiment found: one document, a page, a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from inkport.benchmarks.measure.estimate import estimate
from inkport.benchmarks.measure.quantiles import mean_interval
from inkport.benchmarks.measure.units import Units, documents_of, units_of
from inkport.benchmarks.report import svg
from inkport.benchmarks.report.envelope import Document
from inkport.benchmarks.report.html import STYLE
from inkport.core.charset import normalise_text
from inkport.core.tables import Table, markdown_table
from inkport.lines.line import Line, hands


if TYPE_CHECKING:
    from inkport.train.adapt.curve import Cell, Experiment

HAND = "the new hand"
"""Name of the first series of the plot."""


@dataclass(frozen=True, kw_only=True)
class HandReading:
    """The CER on one set of lines after adapting to some lines, beside that of the start weights."""

    cer: float
    """Mean over the draws."""
    draws: tuple[float, ...]
    """CER of each draw."""
    draws_interval: tuple[float, float] | None
    """95 % interval of the mean over draws, by Student's t; none for fewer than two draws."""
    delta: float
    """``cer`` minus that of the start weights."""
    delta_interval: tuple[float, float] | None
    """95 % interval of ``delta`` for these draws, over what ``unit`` says; absent for fewer than three of them."""
    unit: str
    """What is taken as independent: ``writer``, ``document`` or ``line``. Of the hand itself, which is the only one
    that is asked about: its documents, or its lines where they are not named."""
    clusters: int
    """How many of them there are."""


@dataclass(frozen=True, kw_only=True)
class CountPoint:
    """One count of lines."""

    lines: int
    """Lines of the hand that were adapted to."""
    share: float
    """Mean share of the adapted weights."""
    hand: HandReading
    """On the held-out lines of the hand."""
    others: Mapping[str, HandReading]
    """On lines of other hands, by data set: what is forgotten."""


@dataclass(frozen=True, kw_only=True)
class AdaptReport(Document):
    """The whole document."""

    NAME = "adapt-curve"

    model: Mapping[str, Any]
    """Name, version and digest of the start weights, and whether they may have seen the hand."""
    data: Mapping[str, Any]
    """Which lines."""
    settings: Mapping[str, Any]
    """How was adapted and drawn."""
    environment: Mapping[str, Any]
    """Machine and software."""
    points: tuple[CountPoint, ...]
    """By count, 0 first."""


def points_of(experiment: Experiment, cells: Sequence[Cell]) -> tuple[CountPoint, ...]:
    """Return the points of a finished experiment.

    Args:
        experiment: What was run.
        cells: All of its cells.
    """
    base = next(cell for cell in cells if cell.lines == 0)
    groups: dict[str, list[int]] = {}
    for index, line in enumerate(experiment.others):
        groups.setdefault(line.dataset or "others", []).append(index)
    points = []
    for count in (0, *sorted(experiment.counts)):
        some = [cell for cell in cells if cell.lines == count]
        others = {
            name: reading_of(
                [experiment.others[i] for i in indices],
                [base.other_edits[i] for i in indices],
                [[cell.other_edits[i] for i in indices] for cell in some],
                units_of(hands([experiment.others[i] for i in indices])),
            )
            for name, indices in groups.items()
        }
        hand = reading_of(experiment.test, base.edits, [cell.edits for cell in some], documents_of(experiment.test))
        points.append(CountPoint(lines=count, share=fmean(cell.share for cell in some), hand=hand, others=others))
    return tuple(points)


def reading_of(
    lines: Sequence[Line], before: Sequence[int], draws: Sequence[Sequence[int]], units: Units
) -> HandReading:
    """Return the figures of one set of lines.

    Args:
        lines: The lines.
        before: Edits per line of the start weights.
        draws: Edits per line, for each draw.
        units: Which lines belong together.
    """
    lengths = [len(normalise_text(line.text)) for line in lines]
    total = sum(lengths)
    rates = [sum(edits) / total for edits in draws]
    change = [sum(edits[i] for edits in draws) - len(draws) * old for i, old in enumerate(before)]
    found = estimate(change, [len(draws) * length for length in lengths], units)
    return HandReading(
        cer=fmean(rates),
        draws=tuple(rates),
        draws_interval=mean_interval(rates),
        delta=fmean(rates) - sum(before) / total,
        delta_interval=found.interval(),
        unit=found.kind,
        clusters=found.units,
    )


def to_markdown(curve: AdaptReport) -> str:
    """Return the report as a Markdown page."""
    model, data = curve.model, curve.data
    exposure, sources = model["exposure"], ", ".join(data["test"]["sources"])
    summary = (
        f"{model['name']} {model['version']} ({model['sha256'][:12]}), adapted to lines of "
        f"{', '.join(data['pool']['sources'])}; CER in % on {data['test']['lines']} lines of {sources}, mean of "
        f"{curve.settings['draws']} draws. Has the model seen this hand before? {exposure['verdict']} "
        f"(by {exposure['basis']}): {'; '.join(exposure['reasons'])}."
    )
    head = ["# Adapting to one hand", "", summary, ""]
    return "\n".join([*head, *_hand_table(curve), *_others_table(curve)]) + "\n"


def to_svg(curve: AdaptReport) -> str:
    """Return CER against lines: of the new hand and of each set of other hands, with a dot per draw."""
    counts = [point.lines for point in curve.points]
    rows: dict[str, list[HandReading]] = {HAND: [point.hand for point in curve.points]}
    for name in curve.points[0].others:
        rows[name] = [point.others[name] for point in curve.points]
    x, y = svg.plain_axes(counts, [0.0, *(100 * rate for some in rows.values() for r in some for rate in r.draws)])
    body = svg.axes(x, y, x_name="lines of the hand", y_name="CER, %")
    for index, (name, readings) in enumerate(rows.items()):
        body += _series(name, counts, readings, x, y, kind=svg.series(index))
    ends = [(x(counts[-1]), y(100 * readings[-1].cer)) for readings in rows.values()]
    body += svg.labels(ends, list(rows), [svg.series(index) for index in range(len(rows))])
    words = "; ".join(f"{point.lines} lines: {100 * point.hand.cer:.2f} %" for point in curve.points)
    drawing = svg.drawing("CER against lines of a new hand", words, body)
    # Inside a page the page brings namespace, size and style; a file brings its own.
    alone = f'<svg xmlns="http://www.w3.org/2000/svg" width="{svg.WIDTH}" height="{svg.HEIGHT}" '
    return drawing.replace("<svg ", alone, 1).replace("<title>", f"<style>{STYLE}</style><title>", 1) + "\n"


def _hand_table(curve: AdaptReport) -> list[str]:
    head = ("lines", "CER", "each draw", "interval over draws", "to 0 lines", "interval over lines", "share")
    rows = []
    for point in curve.points:
        hand = point.hand
        draws = ", ".join(_percent(rate) for rate in hand.draws)
        rows.append(
            (
                str(point.lines),
                _percent(hand.cer),
                draws,
                _range(hand.draws_interval),
                f"{100 * hand.delta:+.2f}",
                _range(hand.delta_interval, "+.2f"),
                f"{point.share:.2f}",
            )
        )
    hand = curve.points[0].hand
    legend = (
        "Intervals: 95 %. Over draws: Student's t of the mean, which says how much depends on which lines are given. "
        f"Over lines: over {hand.clusters} {hand.unit}s of the hand for these draws. Share: that of the adapted "
        "weights in the mixture with the start, chosen by cross-validation on the given lines."
    )
    return [markdown_table(Table(head, tuple(rows), 0)), "", legend]


def _others_table(curve: AdaptReport) -> list[str]:
    names = list(curve.points[0].others)
    if not names:
        return []
    rows = []
    for point in curve.points:
        cells = [
            f"{_percent(r.cer)} ({100 * r.delta:+.2f}, {_range(r.delta_interval, '+.2f')})"
            for r in (point.others[name] for name in names)
        ]
        rows.append((str(point.lines), *cells))
    table = markdown_table(Table(("lines", *names), tuple(rows), 0))
    return ["", "Other hands, CER in % (difference to 0 lines, interval over lines):", "", table]


def _percent(rate: float) -> str:
    return f"{100 * rate:.2f}"


def _range(interval: tuple[float, float] | None, form: str = ".2f") -> str:
    return "-" if interval is None else f"{100 * interval[0]:{form}}..{100 * interval[1]:{form}}"


def _series(
    name: str, counts: Sequence[int], readings: Sequence[HandReading], x: svg.Scale, y: svg.Scale, *, kind: str
) -> list[str]:
    points = list(zip(counts, readings, strict=True))
    parts = [svg.polyline([(x(count), y(100 * reading.cer)) for count, reading in points], kind=kind)]
    for count, reading in points:
        for draw, rate in enumerate(reading.draws, start=1):
            words = f"{name}: {100 * rate:.2f} % with {count} lines, draw {draw}"
            parts.append(svg.dot(x(count), y(100 * rate), words, kind=kind))
    return parts
