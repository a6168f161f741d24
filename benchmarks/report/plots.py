"""The plots of the page: latency against CER, latency against width, flips against gaps, flips by effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from inkport.benchmarks.measure.parity import Parity, PerLine
from inkport.benchmarks.report import svg
from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.report.rows import milliseconds, percent, points
from inkport.benchmarks.run.record import TargetRecord


BINS = 8
"""Groups of lines by gap, each with about the same number of lines."""
LOG_FROM = 8.0
"""Ratio of the greatest to the smallest value from which an axis is logarithmic."""
BAR = 26
"""Height of a bar with its gap."""
LEGEND = 30
"""Height of the legend above bars."""
NAMES = 212
"""Width of the names beside bars."""

CAPTIONS = {
    "Latency and CER": (
        "Left is faster. The CER is the target's minus the reference's on the same lines, with its 95 % interval; "
        "shaded is what the smallest margin allows either way."
    ),
    "Latency and width": "Dots: median times of lines of about that width. Lines: the fitted cost model.",
    "Flips and gaps": (
        "Lines in groups of equal size by the reference's smallest top-1 minus top-2 logit. Rounding flips lines on "
        "the left; a target that flips lines on the right has a defect."
    ),
    "Flips and effects": "Edits from the reference's reading to the target's, by what they do to the errors.",
}
"""What each plot shows, by its heading."""


def draw_plots(report: Report) -> str:
    """Return the plots as HTML; empty if there is nothing to draw."""
    figures = [
        f"<figure><h3>{escape(name)}</h3>{drawing}<figcaption>{escape(words)}</figcaption></figure>"
        for name, drawing, words in plots(report)
    ]
    return f'<div class="plots">{"".join(figures)}</div>' if figures else ""


def plots(report: Report) -> list[tuple[str, str, str]]:
    """Return heading, drawing and explanation of each plot that there is something to draw for."""
    drawings = {
        "Latency and CER": latency_and_cer(report),
        "Latency and width": latency_and_width(report),
        "Flips and gaps": flips_and_gaps(report),
        "Flips and effects": flips_and_effects(report),
    }
    return [(name, drawing, CAPTIONS[name]) for name, drawing in drawings.items() if drawing]


def latency_and_cer(report: Report) -> str:
    """Return a dot per target that was timed; empty if none was."""
    kinds = _kinds(report)
    rows = [(t, t.parity, t.latency) for t in report.targets if t.parity and t.latency]
    if not rows:
        return ""
    times = [latency.p50_ms for _, _, latency in rows]
    limits = [100 * limit for _, parity, _ in rows for limit in (*(parity.interval or ()), parity.delta)]
    margin = 100 * min(target.budget.cer_margin for target, _, _ in rows)
    shown = min(margin, 5 * max(map(abs, limits)) or margin) or 1.0
    x, y = svg.plain_axes(times, [*limits, shown, -shown], log_x=_wide(times))
    top, bottom = (y(min(max(limit, y.low), y.high)) for limit in (margin, -margin))
    body = [svg.band(x, top, bottom), *svg.axes(x, y, x_name="p50 per line, ms", y_name="CER to the reference, points")]
    body.append(f'<path class="reference" d="M{x.start} {y(0):.1f}H{x.end}"/>')
    for target, parity, latency in rows:
        at, kind = x(latency.p50_ms), kinds[target.name]
        if parity.interval is not None:
            low, high = (y(100 * limit) for limit in parity.interval)
            body.append(f'<path class="line {kind}" d="M{at:.1f} {low:.1f}V{high:.1f}"/>')
        words = f"{target.name}: {milliseconds(latency.p50_ms)} ms, CER {percent(parity.cer)} %, {points(parity.delta)}"
        body.append(svg.dot(at, y(100 * parity.delta), f"{words} points to the reference", kind=kind))
    places = [(x(latency.p50_ms), y(100 * parity.delta)) for _, parity, latency in rows]
    body += _labels(places, [target for target, _, _ in rows], kinds)
    return svg.drawing("Latency against CER", "; ".join(f"{t.name} {percent(p.cer)} %" for t, p, _ in rows), body)


def latency_and_width(report: Report) -> str:
    """Return a curve per target; empty if none was timed by width."""
    kinds = _kinds(report)
    rows = [(t, t.latency.curve) for t in report.targets if t.latency and t.latency.curve]
    if not rows:
        return ""
    widths = [point.width_px for _, curve in rows for point in curve.points]
    times = [point.time_ms for _, curve in rows for point in curve.points]
    x, y = svg.plain_axes(widths, times, log_y=_wide(times))
    body, ends = svg.axes(x, y, x_name="width of the prepared line, pixels", y_name="time per line, ms"), []
    grid = np.linspace(min(widths), max(widths), 40)
    for target, curve in rows:
        kind = kinds[target.name]
        fitted = [(w, curve.cost.time_ms(w)) for w in map(float, grid)]
        line = [(x(w), y(time)) for w, time in fitted if y.low <= time <= y.high]
        body += [svg.polyline(line, kind=kind)] if line else []
        for point in curve.points:
            words = f"{target.name}: {milliseconds(point.time_ms)} ms at {point.width_px:g} px ({point.n} lines)"
            body.append(svg.dot(x(point.width_px), y(point.time_ms), words, kind=kind))
        ends.append(line[-1] if line else (x(curve.points[-1].width_px), y(curve.points[-1].time_ms)))
    body += _labels(ends, [target for target, _ in rows], kinds)
    return svg.drawing("Latency against width", f"{len(rows)} targets, {min(widths):g} to {max(widths):g} pixels", body)


def flips_and_gaps(report: Report) -> str:
    """Return the share of flipped lines by the reference's gap, per target with flips; empty if there is none."""
    lines, kinds = report.per_line, _kinds(report)
    rows = [(t, _flip_shares(t, t.parity, lines)) for t in report.targets if lines and t.parity and t.parity.flips]
    rows = [(target, shares) for target, shares in rows if len(shares) > 1]
    if not rows:
        return ""
    gaps = [gap for _, shares in rows for gap, _, _ in shares]
    x, y = svg.plain_axes(gaps, [0.0, *(100 * s for _, shares in rows for _, s, _ in shares)], log_x=True)
    body = svg.axes(x, y, x_name="smallest gap of the reference, logits", y_name="lines flipped, %")
    for target, shares in rows:
        kind = kinds[target.name]
        body.append(svg.polyline([(x(m), y(100 * share)) for m, share, _ in shares], kind=kind))
        for gap, share, count in shares:
            words = f"{target.name}: {share:.1%} of {count} lines with gaps about {gap:.3g}"
            body.append(svg.dot(x(gap), y(100 * share), words, kind=kind))
    starts = [(x(shares[-1][0]), y(100 * shares[-1][1])) for _, shares in rows]
    body += _labels(starts, [target for target, _ in rows], kinds)
    return svg.drawing("Flips against gaps", "Share of flipped lines by the reference's smallest gap", body)


def flips_and_effects(report: Report) -> str:
    """Return a bar per target with flips, by effect; empty if there is none."""
    rows = [(target, target.parity) for target in report.targets if target.parity and target.parity.flips]
    if not rows:
        return ""
    most = max(sum(_effects(parity)) for _, parity in rows)
    height = LEGEND + BAR * len(rows) + svg.BOTTOM
    x = svg.Scale(low=0, high=1.12 * most or 1, start=NAMES, end=svg.WIDTH - 130)
    body = [svg.text(NAMES + 110 * i, 17, word, kind=f"key {word}") for i, word in enumerate(EFFECTS)]
    for tick in x.ticks():
        body.append(f'<path class="grid" d="M{x(tick):.1f} {LEGEND - 4}V{height - svg.BOTTOM}"/>')
        body.append(svg.text(x(tick), height - svg.BOTTOM + 18, svg.number(tick), anchor="middle", kind="tick"))
    body.append(svg.text((x.start + x.end) / 2, height - 8, "edits", anchor="middle"))
    for index, (target, parity) in enumerate(rows):
        body += _bar(target.name, parity, x, LEGEND + BAR * index)
    return svg.drawing("Flips by effect", f"{len(rows)} targets with flips", body, height=height)


EFFECTS = ("harmful", "harmless", "repaired")
"""The parts of a bar, from the left."""


def _bar(name: str, parity: Parity, x: svg.Scale, top: float) -> list[str]:
    parts, done = [svg.text(x.start - 8, top + 16, name[:30], anchor="end")], 0
    for word, count in zip(EFFECTS, _effects(parity), strict=True):
        width = x(done + count) - x(done)
        words = f"{name}: {count} {word}"
        parts.append(
            f'<rect class="bar {word}" x="{x(done):.1f}" y="{top}" width="{width:.1f}" height="{BAR - 6}">'
            f"<title>{escape(words)}</title></rect>"
        )
        done += count
    lines = "line" if parity.flipped_lines == 1 else "lines"
    return [*parts, svg.text(x(done) + 8, top + 16, f"{parity.flipped_lines} {lines} of {parity.lines}", kind="tick")]


def _effects(parity: Parity) -> tuple[int, int, int]:
    return parity.effects.harmful, parity.effects.harmless, parity.effects.repaired


def _flip_shares(target: TargetRecord, parity: Parity, lines: PerLine) -> list[tuple[float, float, int]]:
    """Return median gap, share of flipped lines and number of lines of each group of the lines that it read."""
    read = target.line_edits or (0,) * len(lines.gap_reference)
    gaps = np.array(sorted(m for m, e in zip(lines.gap_reference, read, strict=True) if m and e is not None))
    if len(gaps) < 2 * BINS:
        return []
    edges = np.unique(np.quantile(gaps, np.linspace(0, 1, BINS + 1))[1:-1])
    flipped = np.array([flip.gap_reference for flip in parity.flips if flip.gap_reference])
    groups, flips = np.searchsorted(edges, gaps), np.searchsorted(edges, flipped)
    shares = []
    for group in range(len(edges) + 1):
        inside = gaps[groups == group]
        if len(inside):
            share = float(min(1.0, (flips == group).sum() / len(inside)))
            shares.append((float(np.median(inside)), share, len(inside)))
    return shares


def _kinds(report: Report) -> dict[str, str]:
    """Return the class of each target's series, the same in every plot."""
    return {target.name: svg.series(index) for index, target in enumerate(report.targets)}


def _labels(
    places: Sequence[tuple[float, float]], targets: Sequence[TargetRecord], kinds: Mapping[str, str]
) -> list[str]:
    names = [target.name for target in targets]
    return svg.labels(places, names, [kinds[name] for name in names])


def _wide(values: Sequence[float]) -> bool:
    return min(values) > 0 and max(values) / min(values) > LOG_FROM
