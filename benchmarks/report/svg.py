"""Small drawings as SVG inside a page: scales with round ticks, axes, labels that do not overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, isclose, log10


WIDTH, HEIGHT = 720, 400
"""Size of a drawing, in its own units; the page scales it."""
LEFT, RIGHT, TOP, BOTTOM = 72, 212, 14, 52
"""Margins around the plotting area; labels of series stand on the right."""
LINE = 17
"""Height of a line of text."""
COLOURS = 8
"""Colours that the page's style names ``c0`` to ``c7``; beyond that, series are distinguished by their dashes, too."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A mapping from values to places on an axis."""

    low: float
    """Value at ``start``; above 0 on a logarithmic scale."""
    high: float
    """Value at ``end``, above ``low``."""
    start: float
    """Where the axis begins."""
    end: float
    """Where it ends."""
    logarithmic: bool = False
    """Whether equal ratios, not equal differences, have equal lengths."""

    def __call__(self, value: float) -> float:
        """Return the place of a value."""
        low, high, at = (log10(v) if self.logarithmic else v for v in (self.low, self.high, value))
        return self.start + (self.end - self.start) * (at - low) / (high - low)

    def ticks(self) -> list[float]:
        """Return round values within the scale, from low to high."""
        return log_ticks(self.low, self.high) if self.logarithmic else round_ticks(self.low, self.high)


def fitting_scale(
    values: Sequence[float], *, start: float, end: float, logarithmic: bool = False, room: float = 0.06
) -> Scale:
    """Return a scale on which all values have some room.

    Args:
        values: At least one; above 0 if ``logarithmic``.
        start: Where the axis begins.
        end: Where it ends.
        logarithmic: Kind of scale.
        room: Share of the span that is left free at either end.
    """
    low, high = min(values), max(values)
    if logarithmic:
        ratio = max(high / low, 1.2)
        return Scale(low=low / ratio**room, high=low * ratio ** (1 + room), start=start, end=end, logarithmic=True)
    span = high - low or abs(high) or 1.0
    return Scale(low=low - room * span, high=low + (1 + room) * span, start=start, end=end)


def round_ticks(low: float, high: float, *, wanted: int = 5) -> list[float]:
    """Return multiples of 1, 2 or 5 times a power of ten in [low, high], about ``wanted`` of them."""
    rough = (high - low) / wanted
    power = 10.0 ** floor(log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * (1 - 1e-9))
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 times powers of ten in [low, high]; only the powers where there are many."""
    exponents = range(floor(log10(low)), ceil(log10(high)) + 1)
    multiples = (1,) if high / low > 1e3 else (1, 2, 5)
    found = [m * 10.0**e for e in exponents for m in multiples if low <= m * 10.0**e <= high]
    return found if len(found) >= 2 else round_ticks(low, high)


def spread(places: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """Move places apart until neighbours are ``gap`` away from each other, as little as a simple sweep can.

    Args:
        places: Where labels would best stand.
        gap: Distance that they need.
        low: Least place.
        high: Greatest place; exceeded only if there are too many.
    """
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved = list(places)
    floor_ = low
    for index in order:
        moved[index] = floor_ = max(moved[index], floor_)
        floor_ += gap
    ceiling = max(high, low + gap * (len(places) - 1))
    for index in reversed(order):
        moved[index] = min(moved[index], ceiling)
        ceiling = moved[index] - gap
    return moved


def drawing(name: str, description: str, body: Sequence[str], *, height: float = HEIGHT) -> str:
    """Return an SVG element with a title and a description for those who do not see it."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(name)}">'
        f"<title>{escape(name)}</title><desc>{escape(description)}</desc>{''.join(body)}</svg>"
    )


def axes(x: Scale, y: Scale, *, x_name: str, y_name: str) -> list[str]:
    """Return both axes with ticks, their values, faint lines across, and their names."""
    parts = [
        f'<path class="grid" d="M{x.start} {y(t):.1f}H{x.end}"/>'
        + text(x.start - 8, y(t) + 5, number(t), anchor="end", kind="tick")
        for t in y.ticks()
    ]
    parts += [
        f'<path class="grid" d="M{x(t):.1f} {y.start}V{y.end}"/>'
        + text(x(t), y.start + 18, number(t), anchor="middle", kind="tick")
        for t in x.ticks()
    ]
    parts.append(f'<path class="axis" d="M{x.start} {y.end}V{y.start}H{x.end}"/>')
    parts.append(text((x.start + x.end) / 2, y.start + 42, x_name, anchor="middle"))
    middle = (y.start + y.end) / 2
    turned = f'transform="rotate(-90 16 {middle:g})"'
    parts.append(text(16, middle, y_name, anchor="middle", more=turned))
    return parts


def plain_axes(
    xs: Sequence[float], ys: Sequence[float], *, log_x: bool = False, log_y: bool = False
) -> tuple[Scale, Scale]:
    """Return the two scales of a drawing whose labels stand on the right."""
    x = fitting_scale(xs, start=LEFT, end=WIDTH - RIGHT, logarithmic=log_x)
    return x, fitting_scale(ys, start=HEIGHT - BOTTOM, end=TOP, logarithmic=log_y)


def text(x: float, y: float, words: str, *, anchor: str = "start", kind: str = "", more: str = "") -> str:
    """Return words at a place."""
    known = f' class="{kind}"' if kind else ""
    extra = f" {more}" if more else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{known}{extra}>{escape(words)}</text>'


def dot(x: float, y: float, words: str, *, kind: str) -> str:
    """Return a dot that tells ``words`` when pointed at."""
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="5"><title>{escape(words)}</title></circle>'


def band(x: Scale, top: float, bottom: float) -> str:
    """Return a shaded area across the whole plot."""
    return f'<rect class="band" x="{x.start}" y="{top:.1f}" width="{x.end - x.start}" height="{bottom - top:.1f}"/>'


def polyline(points: Sequence[tuple[float, float]], *, kind: str) -> str:
    """Return a line through points."""
    return f'<path class="line {kind}" d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in points)}"/>'


def series(index: int) -> str:
    """Return the class of a series: a colour, and dashes once the colours are used up."""
    return f"c{index % COLOURS}" + (" dashed" if index >= COLOURS else "")


def labels(places: Sequence[tuple[float, float]], names: Sequence[str], kinds: Sequence[str]) -> list[str]:
    """Return the names of series on the right, in their colours, each led to its place, without overlap."""
    ys = spread([y for _, y in places], gap=LINE, low=TOP + LINE / 2, high=HEIGHT - BOTTOM)
    edge = WIDTH - RIGHT + 14
    return [
        f'<path class="lead-line" d="M{x + 7:.1f} {y:.1f}L{edge - 4} {at:.1f}"/>'
        + text(edge, at + 5, _short(name), kind=f"key {kind}")
        for (x, y), at, name, kind in zip(places, ys, names, kinds, strict=True)
    ]


def number(value: float) -> str:
    """Return a tick's value without trailing zeros."""
    return "0" if isclose(value, 0, abs_tol=1e-12) else f"{value:.6g}"


def _short(name: str) -> str:
    return name if len(name) <= 28 else name[:27] + "\N{HORIZONTAL ELLIPSIS}"
