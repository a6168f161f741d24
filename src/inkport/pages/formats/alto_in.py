"""ALTO, read leniently: versions 2 to 4, as archives, eScriptorium, kraken and others write it.

Source:
    https://github.com/altoxml/schema
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from inkport.core.errors import LineDataError
from inkport.pages.formats.alto_out import CONFIDENCE, FLAG, PART, PURPOSE
from inkport.pages.formats.layout_in import (
    flags_of,
    in_order,
    mean_of,
    number,
    points_of,
    share,
    single_spaced,
    size_of,
    turned,
)
from inkport.pages.formats.xml_out import Ids
from inkport.pages.page import Alternative, Box, Line, Page, Points, Region, Word, corners


_PARTS = {name: part for part, name in PART.items()}


@dataclass(frozen=True)
class Tag:
    """What a line or a block refers to."""

    kind: str
    """Its type; empty where the source gives none."""
    label: str
    """What it says."""


def alto_pages(root: Element, where: Path) -> tuple[Page, ...]:
    """Return the pages of an ALTO document.

    Args:
        root: Its root, without namespaces.
        where: The file, for errors.

    Raises:
        LineDataError: If its unit is not the pixel, or it has no page, or one without a size.
    """
    unit = (root.findtext("Description/MeasurementUnit") or "pixel").strip()
    if unit != "pixel":
        raise LineDataError(
            f"{where}: places are in {unit}, expected pixel", remedy="export it in pixels of the page's image"
        )
    image = (root.findtext("Description/sourceImageInformation/fileName") or "").strip()
    tags = {
        tag.get("ID", ""): Tag(tag.get("TYPE", ""), tag.get("LABEL", ""))
        for kind in root.iterfind("Tags")
        for tag in kind
    }
    ranks = {name: rank for rank, name in enumerate(_named(root.find("ReadingOrder")))}
    pages, ids = [], Ids()
    for element in root.iterfind("Layout/Page"):
        width, height = size_of(element, "WIDTH", "HEIGHT", str(where))
        reader = _Reader(tags)
        regions = tuple(reader.region(block) for block in element.iter("TextBlock"))
        orientation, skew = turned(number(element, "ROTATION") or 0.0)
        pages.append(
            Page(
                id=ids.take(element.get("ID", ""), "page_"),
                width=width,
                height=height,
                image=image.replace("\\", "/").rpartition("/")[2],
                orientation=orientation,
                skew=skew,
                regions=in_order(regions, ranks),
            )
        )
    if not pages:
        raise LineDataError(f"{where}: no <Page> in its <Layout>")
    return tuple(pages)


def _named(order: Element | None) -> Iterator[str]:
    """Yield what a reading order refers to, each once."""
    seen: set[str] = set()
    for element in order.iter() if order is not None else ():
        for name in element.get("REF", "").split():
            if name not in seen:
                seen.add(name)
                yield name


class _Reader:
    def __init__(self, tags: dict[str, Tag]) -> None:
        self.tags, self.ids = tags, Ids()

    def region(self, block: Element) -> Region:
        tags = self._tags(block)
        name = self.ids.take(block.get("ID", ""), "region_")
        lines = tuple(self.line(element) for element in block.iterfind("TextLine"))
        return Region(id=name, polygon=_outline(block), lines=lines, kind=_kind(tags))

    def line(self, element: Element) -> Line:
        tags = self._tags(element)
        words = tuple(_words(element))
        text = single_spaced(" ".join(word.text for word in words))
        known = next((share(tag.label) for tag in tags if tag.kind == CONFIDENCE), mean_of(words))
        # A string with spaces in it is not a word but a whole line, as eScriptorium writes them.
        divided = words if words and all(word.text and len(word.text.split()) == 1 for word in words) else ()
        return Line(
            id=self.ids.take(element.get("ID", ""), "line_"),
            baseline=_baseline(element),
            polygon=_outline(element),
            text=text,
            confidence=known,
            words=divided,
            flags=flags_of(tag.label for tag in tags if tag.kind == FLAG),
            kind=_kind(tags),
        )

    def _tags(self, element: Element) -> list[Tag]:
        return [self.tags[name] for name in element.get("TAGREFS", "").split() if name in self.tags]


def _kind(tags: list[Tag]) -> str:
    return next((tag.label for tag in tags if tag.kind not in (CONFIDENCE, FLAG)), "")


def _words(line: Element) -> Iterator[Word]:
    """Yield the strings of a line; a hyphen belongs to the one before it."""
    children = [child for child in line if child.tag in ("String", "HYP")]
    for child, after in zip(children, [*children[1:], None], strict=True):
        if child.tag != "String":
            continue
        hyphen = after.get("CONTENT", "") if after is not None and after.tag == "HYP" else ""
        part = _PARTS.get(child.get("SUBS_TYPE", ""), 0)
        whole = single_spaced(child.get("SUBS_CONTENT"))
        yield Word(
            text=single_spaced(child.get("CONTENT", "") + hyphen),
            polygon=_outline(child),
            confidence=share(child.get("WC")),
            alternatives=tuple(_alternatives(child)),
            whole=whole if part else "",
            part=part if whole else 0,
        )


def _alternatives(string: Element) -> Iterator[Alternative]:
    for element in string.iterfind("ALTERNATIVE"):
        if text := single_spaced(element.text):
            purpose = element.get("PURPOSE", "")
            known = share(purpose.removeprefix(PURPOSE)) if purpose.startswith(PURPOSE) else None
            yield Alternative(text=text, confidence=known)


def _outline(element: Element) -> Points:
    """Return the polygon of an element, else the corners of its rectangle."""
    shape = element.find("Shape/Polygon")
    if shape is not None and (points := points_of(shape.get("POINTS"))):
        return points
    left, top, width, height = (number(element, name) for name in ("HPOS", "VPOS", "WIDTH", "HEIGHT"))
    if left is None or top is None or width is None or height is None:
        return ()
    return corners(Box(left, top, left + width, top + height))


def _baseline(element: Element) -> Points:
    """Return the baseline; before version 4.2 it is one number, the height of a level line."""
    if (points := points_of(element.get("BASELINE"))) and len(points) > 1:
        return points
    level, left, width = number(element, "BASELINE"), number(element, "HPOS"), number(element, "WIDTH")
    if level is None or left is None or width is None:
        return ()
    return (left, level), (left + width, level)
