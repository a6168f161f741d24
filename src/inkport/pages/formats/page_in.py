"""PAGE, read leniently: the versions since 2010, as Transkribus, eScriptorium, OCR-D and others write them.

Source:
    https://github.com/PRImA-Research-Lab/PAGE-XML
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from inkport.core.errors import LineDataError
from inkport.pages.formats.custom import read_custom
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
from inkport.pages.page import Alternative, Line, Page, Points, Region, Word


_LAST = 1 << 31
"""Place of what has none in an order."""


def page_pages(root: Element, where: Path) -> tuple[Page, ...]:
    """Return the page of a PAGE document.

    Args:
        root: Its root, without namespaces.
        where: The file, for errors.

    Raises:
        LineDataError: If it has no page, or one without a size.
    """
    element = root.find("Page")
    if element is None:
        raise LineDataError(f"{where}: no <Page> in it")
    width, height = size_of(element, "imageWidth", "imageHeight", str(where))
    image = element.get("imageFilename", "").replace("\\", "/").rpartition("/")[2]
    ids = Ids()
    # Transkribus and others have regions within regions, and those of a table's cells.
    regions = sorted((_region(region, ids) for region in element.iter("TextRegion")), key=lambda found: found[0])
    ranks = {name: rank for rank, name in enumerate(dict.fromkeys(_named(element.find("ReadingOrder"))))}
    orientation, skew = turned(number(element, "orientation") or 0.0)
    name = read_custom(element.get("custom")).get("page", {}).get("id") or image.rpartition(".")[0] or where.stem
    return (
        Page(
            id=name,
            width=width,
            height=height,
            image=image,
            orientation=orientation,
            skew=skew,
            regions=in_order((region for _, region in regions), ranks),
        ),
    )


def _named(order: Element | None) -> Iterator[str]:
    """Yield the regions of a reading order, groups within groups in their places."""
    if order is None:
        return
    for child in sorted(order, key=lambda element: _index(element.get("index"))):
        if name := child.get("regionRef", ""):
            yield name
        yield from _named(child)


def _region(element: Element, ids: Ids) -> tuple[int, Region]:
    """Return a region, and its place in the order that its custom attribute gives."""
    custom = read_custom(element.get("custom"))
    name = ids.take(element.get("id", ""), "region_")
    lines = sorted((_line(line, ids) for line in element.iterfind("TextLine")), key=lambda found: found[0])
    kind = custom.get("structure", {}).get("type", "") or element.get("type", "")
    region = Region(id=name, polygon=_points(element.find("Coords")), lines=tuple(line for _, line in lines), kind=kind)
    return _index(custom.get("readingOrder", {}).get("index")), region


def _line(element: Element, ids: Ids) -> tuple[int, Line]:
    """Return a line, and its place in the order that its attributes give."""
    custom = read_custom(element.get("custom"))
    words = tuple(_word(word) for word in element.iterfind("Word"))
    text, confidence = _best(element) or (" ".join(word.text for word in words), mean_of(words))
    # Words that are not the line's text, in part corrected perhaps, divide another text.
    divided = words if words and " ".join(word.text for word in words) == text and all(w.text for w in words) else ()
    line = Line(
        id=ids.take(element.get("id", ""), "line_"),
        baseline=_points(element.find("Baseline")),
        polygon=_points(element.find("Coords")),
        text=text,
        confidence=confidence,
        words=divided,
        flags=flags_of(custom.get("flags", {})),
        kind=custom.get("structure", {}).get("type", ""),
    )
    return _index(custom.get("readingOrder", {}).get("index", element.get("index"))), line


def _word(element: Element) -> Word:
    custom = read_custom(element.get("custom")).get("hyphenation", {})
    readings = _readings(element)
    text, confidence = readings[0] if readings else ("", None)
    whole, part = custom.get("whole", ""), {"1": 1, "2": 2}.get(custom.get("part", ""), 0)
    return Word(
        text=text,
        polygon=_points(element.find("Coords")),
        confidence=confidence,
        alternatives=tuple(Alternative(text=t, confidence=c) for t, c in readings[1:] if t),
        whole=whole if part else "",
        part=part if whole else 0,
    )


def _readings(element: Element) -> list[tuple[str, float | None]]:
    """Return an element's own texts with their confidences, as the schema ranks them."""
    ranked = sorted(element.findall("TextEquiv"), key=lambda equiv: _index(equiv.get("index"), 0))
    texts = [(equiv.findtext("Unicode") or equiv.findtext("PlainText"), equiv.get("conf")) for equiv in ranked]
    return [(single_spaced(text), share(confidence)) for text, confidence in texts]


def _best(element: Element) -> tuple[str, float | None] | None:
    readings = _readings(element)
    return readings[0] if readings else None


def _index(text: str | None, absent: int = _LAST) -> int:
    try:
        return min(int(text or ""), _LAST)
    except ValueError:
        return absent


def _points(element: Element | None) -> Points:
    """Return the points of an element; schemas before 2013 have an element for each."""
    if element is None:
        return ()
    if points := points_of(element.get("points")):
        return points
    pairs = [(number(point, "x"), number(point, "y")) for point in element.iterfind("Point")]
    return tuple((x, y) for x, y in pairs if x is not None and y is not None)
