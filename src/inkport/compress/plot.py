"""The plot: CER against latency, and CER against size, as one SVG file that stands alone."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from inkport.benchmarks.measure.pareto import dominated_by
from inkport.benchmarks.report import svg
from inkport.benchmarks.report.html import STYLE
from inkport.benchmarks.report.rows import milliseconds, percent
from inkport.compress.report import CompressReport, MemberReport


LOG_FROM = 8.0
"""Ratio of the greatest to the smallest value from which an axis is logarithmic."""
TITLE = 30
"""Height of a title."""


def render_plot(report: CompressReport) -> str | None:
    """Return the drawing; None if no member was timed.

    Members of the Pareto set are filled dots, the others are hollow; a line joins those that no other beats in the
    two figures of a panel.
    """
    rows = [
        (m, m.val.cer, m.speed.p50_ms, m.artifact.bytes / 1e6)
        for m in report.members
        if m.val and m.speed and m.artifact
    ]
    if not rows:
        return None
    members = [m for m, *_ in rows]
    rates = [100 * cer for _, cer, _, _ in rows]
    panels = [
        _panel(members, [time for _, _, time, _ in rows], rates, "p50 per line, ms"),
        _panel(members, [size for *_, size in rows], rates, "size, MB"),
    ]
    height = svg.HEIGHT + TITLE
    name = f"{report.start.name} {report.start.version}: CER on val against latency and size"
    what = "; ".join(
        f"{m.name} {percent(cer)} %, {milliseconds(time)} ms, {size:.2f} MB" for m, cer, time, size in rows
    )
    body = [
        f'<g transform="translate(0 {height * number + TITLE})">'
        + svg.text(svg.LEFT, -8, title)
        + "".join(panel)
        + "</g>"
        for number, (title, panel) in enumerate(zip(("CER against latency", "CER against size"), panels, strict=True))
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {svg.WIDTH} {len(panels) * height}" role="img">'
        f"<title>{escape(name)}</title><desc>{escape(what)}</desc><style>{escape(STYLE, quote=False)}{_HOLLOW}</style>"
        f'<rect width="100%" height="100%" style="fill: var(--back)"/>{"".join(body)}</svg>\n'
    )


_HOLLOW = "svg circle.hollow { fill: var(--back); stroke: currentColor; stroke-width: 2 }"


def _panel(members: Sequence[MemberReport], xs: Sequence[float], ys: Sequence[float], x_name: str) -> list[str]:
    x, y = svg.plain_axes(xs, ys, log_x=min(xs) > 0 and max(xs) / min(xs) > LOG_FROM)
    body = svg.axes(x, y, x_name=x_name, y_name="CER on val, %")
    places = [(x(a), y(b)) for a, b in zip(xs, ys, strict=True)]
    above = dominated_by(
        {member.name: figures for member, figures in zip(members, zip(xs, ys, strict=True), strict=True)}
    )
    front = sorted(place for place, member in zip(places, members, strict=True) if not above[member.name])
    body += [svg.polyline(front, kind="reference")] if len(front) > 1 else []
    kinds = [svg.series(index) for index in range(len(members))]
    for member, kind, (left, top), a, b in zip(members, kinds, places, xs, ys, strict=True):
        words = f"{member.name}: {a:.3g}, CER {b:.2f} %" + ("" if member.pareto else ", dominated")
        body.append(svg.dot(left, top, words, kind=kind if member.pareto else f"{kind} hollow"))
    return body + svg.labels(places, [member.name for member in members], kinds)
