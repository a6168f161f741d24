"""What there is on a page: regions, lines and words, in reading order.

Points are (x, y) in pixels of the page's image as it is displayed, after EXIF rotation: (0, 0) is the upper left corner
of the upper left pixel, whose centre is (0.5, 0.5). Regions are in reading order, and so are the lines of a region and
the words of a line: the order of these tuples is the order of the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


Point = tuple[float, float]
"""x and y in pixels of the page; y grows downwards."""
Points = tuple[Point, ...]
"""A line of straight pieces, or the corners of a polygon, whose last corner is joined to the first."""


class Flag(StrEnum):
    """What is to be said of a line."""

    UNSURE = "unsure"
    """It was read with less confidence than was asked for."""
    DROPPED = "dropped"
    """It counts for nothing: formats of running text leave it out, all others keep it with this flag."""
    UNREAD = "unread"
    """It could not be read; its text is empty."""


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """Another reading of a word."""

    text: str
    """The word."""
    confidence: float | None = None
    """Its confidence, 0..1, comparable with that of the word; None where a source does not say."""


@dataclass(frozen=True, kw_only=True)
class Word:
    """A word of a line: what stands between white space."""

    text: str
    """The word as it is written, with a hyphen that ends the line; no white space."""
    polygon: Points = ()
    """Its four corners, clockwise from where it begins above; empty where a source does not say."""
    confidence: float | None = None
    """Mean of its symbols' confidences, 0..1; None where a source does not say."""
    alternatives: tuple[Alternative, ...] = ()
    """Other readings, the most probable first."""
    whole: str = ""
    """The whole word, if this is one of two parts of a word that the line's end divides, and hyphens were joined."""
    part: int = 0
    """Which of the two parts, 1 or 2; 0 for a word that is whole."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of text."""

    id: str
    """Unique on its page."""
    baseline: Points = ()
    """What the letters stand on, in the direction of reading; empty where a source does not say."""
    polygon: Points = ()
    """Outline of its ink; empty where a source does not say."""
    text: str = ""
    """The text, with single spaces for white space and none at the ends."""
    confidence: float | None = None
    """Mean of its symbols' confidences, 0..1; None where nothing was read, or a source does not say."""
    words: tuple[Word, ...] = ()
    """Its words: their texts with spaces between are the text. Empty where a source does not divide it."""
    flags: tuple[Flag, ...] = ()
    """What is to be said of it."""
    kind: str = ""
    """What sort of line it is, in the words of its source."""

    @property
    def dropped(self) -> bool:
        """Whether it counts for nothing."""
        return Flag.DROPPED in self.flags


@dataclass(frozen=True, kw_only=True)
class Region:
    """Lines that belong together: a paragraph, a column, a marginal note, a cell."""

    id: str
    """Unique on its page."""
    polygon: Points = ()
    """Its outline; empty where it is no more than its lines."""
    lines: tuple[Line, ...] = ()
    """Its lines, in reading order."""
    kind: str = ""
    """What sort of region it is, in the words of its source."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page, and what was read on it."""

    id: str
    """Unique among the pages of a document."""
    width: int
    """Width of its image as it is displayed, in pixels."""
    height: int
    """Height of its image as it is displayed, in pixels."""
    image: str = ""
    """Name of the image's file, without a folder; empty if there is none."""
    orientation: int = 0
    """By how much the displayed image must be turned clockwise for upright text: 0, 90, 180 or 270 degrees."""
    skew: float = 0.0
    """By how much it must be turned clockwise beyond that for level lines, in degrees."""
    regions: tuple[Region, ...] = ()
    """Its regions, in reading order."""

    @property
    def lines(self) -> Iterator[Line]:
        """All lines, in reading order."""
        return (line for region in self.regions for line in region.lines)


@dataclass(frozen=True)
class Box:
    """A rectangle along the page's sides, in pixels."""

    left: float
    """Least x."""
    top: float
    """Least y."""
    right: float
    """Greatest x."""
    bottom: float
    """Greatest y."""

    @property
    def width(self) -> float:
        """Its width, 0 or more."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Its height, 0 or more."""
        return self.bottom - self.top


def corners(box: Box) -> Points:
    """Return the corners of a rectangle, clockwise from the upper left one."""
    return (box.left, box.top), (box.right, box.top), (box.right, box.bottom), (box.left, box.bottom)


def box_of(points: Points) -> Box | None:
    """Return the least rectangle that holds all points; None without any."""
    if not points:
        return None
    xs, ys = zip(*points, strict=True)
    return Box(min(xs), min(ys), max(xs), max(ys))


def line_box(line: Line) -> Box | None:
    """Return the rectangle of a line: that of its outline, else of its baseline; None if it has neither."""
    return box_of(line.polygon or line.baseline)


def region_box(region: Region) -> Box | None:
    """Return the rectangle of a region: that of its outline, else of its lines; None if nothing has a place."""
    if region.polygon:
        return box_of(region.polygon)
    boxes = [box for line in region.lines if (box := line_box(line))]
    return box_of(tuple(point for b in boxes for point in ((b.left, b.top), (b.right, b.bottom))))


def round_points(points: Points, digits: int = 2) -> Points:
    """Return points with so many digits behind the point."""
    return tuple((round(float(x), digits), round(float(y), digits)) for x, y in points)
