"""PAGE of 15 July 2019, written so that it validates against its schema.

Its points are whole pixels within the image. What it has no place for is in ``custom`` attributes, in the form that
Transkribus and eScriptorium use: kinds (``structure``), flags (``flags``), the order of lines (``readingOrder``) and
the parts of divided words (``hyphenation``).

Source:
    Pletschacher & Antonacopoulos, *The PAGE (Page Analysis and Ground-truth Elements) Format Framework* (2010);
    schema at https://github.com/PRImA-Research-Lab/PAGE-XML.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

from inkport.pages.formats.custom import write_custom
from inkport.pages.formats.xml_out import CREATOR, WRITTEN, Ids, add, decimal, document, probability, whole_pairs
from inkport.pages.page import Box, Line, Page, Points, Region, Word, corners, line_box, region_box


NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
"""Of the version that is written."""


def write_page(page: Page) -> bytes:
    """Return a page as a PAGE document."""
    root = ET.Element(
        "PcGts",
        {
            "xmlns": NAMESPACE,
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:schemaLocation": f"{NAMESPACE} {NAMESPACE}/pagecontent.xsd",
        },
    )
    metadata = add(root, "Metadata")
    for tag, text in (("Creator", CREATOR), ("Created", WRITTEN), ("LastChange", WRITTEN)):
        add(metadata, tag, text=text)
    _Writer(page).write(root)
    return document(root)


class _Writer:
    def __init__(self, page: Page) -> None:
        self.page, self.ids = page, Ids()

    def write(self, root: Element) -> None:
        page = self.page
        attributes = {
            "imageFilename": page.image,
            "imageWidth": str(page.width),
            "imageHeight": str(page.height),
            "custom": write_custom({"page": {"id": page.id}}),
        }
        turn = 180 - (180 - page.orientation - page.skew) % 360
        if turn:
            attributes["orientation"] = decimal(turn)
        element = add(root, "Page", attributes)
        names = [self.ids.take(region.id, "region_") for region in page.regions]
        if names:
            group = add(add(element, "ReadingOrder"), "OrderedGroup", {"id": self.ids.take("reading_order", "order_")})
            for index, name in enumerate(names):
                add(group, "RegionRefIndexed", {"index": str(index), "regionRef": name})
        for name, region in zip(names, page.regions, strict=True):
            self._region(element, name, region)

    def _region(self, parent: Element, name: str, region: Region) -> None:
        custom = {"structure": {"type": region.kind}} if region.kind else {}
        element = add(parent, "TextRegion", {"id": name} | _custom(custom))
        self._coords(element, region.polygon, region_box(region))
        for index, line in enumerate(region.lines):
            self._line(element, index, line)

    def _line(self, parent: Element, index: int, line: Line) -> None:
        custom = {"readingOrder": {"index": str(index)}}
        if line.kind:
            custom["structure"] = {"type": line.kind}
        if line.flags:
            custom["flags"] = dict.fromkeys(line.flags, "true")
        element = add(parent, "TextLine", {"id": self.ids.take(line.id, "line_")} | _custom(custom))
        self._coords(element, line.polygon, line_box(line))
        if len(line.baseline) > 1:
            add(element, "Baseline", {"points": self._points(line.baseline)})
        for word in line.words:
            self._word(element, line, word)
        _text(element, line.text, line.confidence)

    def _word(self, parent: Element, line: Line, word: Word) -> None:
        parts = {"part": str(word.part), "whole": word.whole}
        custom = {"hyphenation": parts} if word.part else {}
        element = add(parent, "Word", {"id": self.ids.take("", "word_")} | _custom(custom))
        self._coords(element, word.polygon or line.polygon, line_box(line))
        _text(element, word.text, word.confidence, index=0 if word.alternatives else None)
        for index, other in enumerate(word.alternatives, start=1):
            _text(element, other.text, other.confidence, index=index)

    def _coords(self, element: Element, polygon: Points, box: Box | None) -> None:
        # The schema asks for an outline, of two points at least: what has no place is given the page's.
        whole = Box(0, 0, self.page.width, self.page.height)
        add(element, "Coords", {"points": self._points(polygon if len(polygon) > 1 else corners(box or whole))})

    def _points(self, points: Points) -> str:
        return whole_pairs(points, self.page.width, self.page.height)


def _custom(properties: dict[str, dict[str, str]]) -> dict[str, str]:
    return {"custom": write_custom(properties)} if properties else {}


def _text(element: Element, text: str, confidence: float | None, *, index: int | None = None) -> None:
    attributes = {} if index is None else {"index": str(index)}
    if confidence is not None:
        attributes["conf"] = probability(confidence)
    add(add(element, "TextEquiv", attributes), "Unicode", text=text)
