"""What the readers of ALTO and PAGE share: leniency about numbers and points, and the reading order."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from xml.etree.ElementTree import Element

from inkport.core.errors import LineDataError
from inkport.pages.page import Flag, Points, Region, Word


_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
LARGEST_PX = 1 << 24
"""Largest coordinate that is believed, in pixels."""


def number(element: Element, name: str) -> float | None:
    """Return a finite number of at most ``LARGEST_PX``; None where there is none."""
    try:
        value = float(element.get(name, ""))
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) <= LARGEST_PX else None


def size_of(element: Element, width: str, height: str, where: str) -> tuple[int, int]:
    """Return the size of a page in whole pixels.

    Raises:
        LineDataError: If it has none.
    """
    found = number(element, width), number(element, height)
    sides = [round(side) for side in found if side is not None and side >= 1]
    if len(sides) < 2:
        raise LineDataError(
            f"{where}: <{element.tag}> has no {width} and {height} in pixels", remedy="add the size of its image"
        )
    return sides[0], sides[1]


def share(text: str | None) -> float | None:
    """Return a confidence, 0..1; None where there is none, or another number."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None


def points_of(text: str | None) -> Points:
    """Return points, whatever separates their numbers; nothing if these come in no pairs, or are too large."""
    values = [float(found) for found in _NUMBER.findall(text or "")]
    if len(values) % 2 or any(abs(value) > LARGEST_PX for value in values):
        return ()
    return tuple(zip(values[::2], values[1::2], strict=True))


def in_order(regions: Iterable[Region], ranks: Mapping[str, int]) -> tuple[Region, ...]:
    """Return regions and their lines in a reading order; what it does not name comes after, as it stands.

    Args:
        regions: In the order of the document.
        ranks: Place of regions or lines in the reading order, by identifier.
    """
    last = len(ranks)
    sorted_lines = [
        replace(region, lines=tuple(sorted(region.lines, key=lambda line: ranks.get(line.id, last))))
        for region in regions
    ]
    return tuple(sorted(sorted_lines, key=lambda region: _rank(region, ranks, last)))


def _rank(region: Region, ranks: Mapping[str, int], last: int) -> int:
    return ranks.get(region.id, min((ranks.get(line.id, last) for line in region.lines), default=last))


def single_spaced(text: str | None) -> str:
    """Return a text with each run of white space as one space and none at the ends."""
    return " ".join((text or "").split())


def mean_of(words: Sequence[Word]) -> float | None:
    """Return the mean of words' confidences over their symbols; None unless all have one."""
    found = [(word.confidence, len(word.text)) for word in words if word.confidence is not None]
    total = sum(length for _, length in found)
    if len(found) < len(words) or not total:
        return None
    return round(sum(confidence * length for confidence, length in found) / total, 6)


def flags_of(names: Iterable[str]) -> tuple[Flag, ...]:
    """Return the flags among names, in the order of their declaration; other names are somebody else's."""
    known = set(names)
    return tuple(flag for flag in Flag if flag in known)


def turned(degrees: float) -> tuple[int, float]:
    """Return the quarter turns in an angle, 0, 90, 180 or 270 degrees, and the rest, at most 45 to both sides."""
    quarters = round(degrees / 90)
    return quarters * 90 % 360, round(degrees - quarters * 90, 2)
