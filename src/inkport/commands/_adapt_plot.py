"""The curve of a held-out-writer experiment as an SVG file."""

from __future__ import annotations

from collections.abc import Sequence

from inkport.benchmarks.report import svg
from inkport.benchmarks.report.style import STYLE
from inkport.commands._adapt_report import AdaptReport, HandReading


HAND = "the new hand"
"""Name of the first series."""


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
