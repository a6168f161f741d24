"""ALTO 4.4, written so that it validates against its schema.

ALTO has no place for a line's confidence, for flags, or for the confidence of an alternative: the first two are
``OtherTag`` elements of ``TYPE`` ``confidence`` and ``flag``, which a line refers to by ``TAGREFS``; the last is the
``PURPOSE`` of an ``ALTERNATIVE``, as ``confidence=0.25``.

Source:
    https://github.com/altoxml/schema, v4.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

from inkport.pages.formats.xml_out import Ids, add, decimal, document, pairs, probability
from inkport.pages.hyphens import hyphen_of
from inkport.pages.page import Box, Line, Page, Points, Region, Word, box_of


NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
"""Of version 4, whatever follows the point."""
LOCATION = "http://www.loc.gov/standards/alto/v4/alto-4-4.xsd"
"""Where the schema is published; nothing is fetched from there."""
CONFIDENCE, FLAG = "confidence", "flag"
"""Kinds of tags that are ours."""
PURPOSE = f"{CONFIDENCE}="
"""Begins the purpose of an alternative that is another reading."""
PART = {1: "HypPart1", 2: "HypPart2"}
"""What ALTO calls the parts of a divided word."""


def write_alto(page: Page, *, number: int = 1) -> bytes:
    """Return a page as an ALTO document.

    Args:
        page: The page.
        number: Which page of its source it is, from 1.
    """
    root = ET.Element(
        "alto",
        {
            "xmlns": NAMESPACE,
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:schemaLocation": f"{NAMESPACE} {LOCATION}",
        },
    )
    description = add(root, "Description")
    add(description, "MeasurementUnit", text="pixel")
    if page.image:
        add(add(description, "sourceImageInformation"), "fileName", text=page.image)
    _Writer(root).write(page, number)
    return document(root)


class _Writer:
    """Writes tags and the layout of one document."""

    def __init__(self, root: Element) -> None:
        self.tags, self.layout = add(root, "Tags"), add(root, "Layout")
        self.ids = Ids()
        self._known: dict[tuple[str, str], str] = {}

    def write(self, page: Page, number: int) -> None:
        size = {"WIDTH": str(page.width), "HEIGHT": str(page.height)}
        turn = (page.orientation + page.skew) % 360
        rotation = {"ROTATION": decimal(turn)} if turn else {}
        name = {"ID": self.ids.take(page.id, "page_"), "PHYSICAL_IMG_NR": str(number)}
        element = add(self.layout, "Page", size | name | rotation)
        space = add(element, "PrintSpace", {"HPOS": "0", "VPOS": "0"} | size)
        for region in page.regions:
            self._region(space, region)

    def _tag(self, kind: str, label: str, description: str = "") -> str:
        """Return the identifier of a tag, written once for all that refer to it."""
        if (kind, label) not in self._known:
            name = self._known[kind, label] = self.ids.take("", "tag_")
            said = {"DESCRIPTION": description} if description else {}
            add(self.tags, "OtherTag", {"ID": name, "TYPE": kind, "LABEL": label} | said)
        return self._known[kind, label]

    def _region(self, space: Element, region: Region) -> None:
        attributes = {"ID": self.ids.take(region.id, "region_")} | _sides(box_of(region.polygon))
        if region.kind:
            attributes["TAGREFS"] = self._tag("region", region.kind, f"block type {region.kind}")
        block = add(space, "TextBlock", attributes)
        _shape(block, region.polygon)
        for line in region.lines:
            self._line(block, line)

    def _line(self, block: Element, line: Line) -> None:
        attributes = {"ID": self.ids.take(line.id, "line_")} | _sides(box_of(line.polygon))
        if line.baseline:
            attributes["BASELINE"] = pairs(line.baseline)
        tags = [self._tag("line", line.kind, f"line type {line.kind}")] if line.kind else []
        if line.confidence is not None:
            tags.append(self._tag(CONFIDENCE, probability(line.confidence)))
        tags += [self._tag(FLAG, flag) for flag in line.flags]
        if tags:
            attributes["TAGREFS"] = " ".join(tags)
        element = add(block, "TextLine", attributes)
        _shape(element, line.polygon)
        # A line without a String is none, even if nothing was read.
        for index, word in enumerate(line.words or (Word(text=line.text),)):
            if index:
                add(element, "SP")
            _string(element, word)


def _string(element: Element, word: Word) -> None:
    hyphen = hyphen_of(word)
    attributes = {"CONTENT": word.text.removesuffix(hyphen)} | _sides(box_of(word.polygon))
    if word.confidence is not None:
        attributes["WC"] = probability(word.confidence)
    if word.part:
        attributes |= {"SUBS_TYPE": PART[word.part], "SUBS_CONTENT": word.whole}
    string = add(element, "String", attributes)
    _shape(string, word.polygon)
    for other in word.alternatives:
        known = other.confidence is not None
        purpose = {"PURPOSE": f"{PURPOSE}{probability(other.confidence or 0)}"} if known else {}
        add(string, "ALTERNATIVE", purpose, other.text)
    if hyphen:
        add(element, "HYP", {"CONTENT": hyphen})


def _sides(box: Box | None) -> dict[str, str]:
    if box is None:
        return {}
    sides = {"HPOS": box.left, "VPOS": box.top, "WIDTH": box.width, "HEIGHT": box.height}
    return {name: decimal(value) for name, value in sides.items()}


def _shape(element: Element, polygon: Points) -> None:
    if len(polygon) > 2:
        add(add(element, "Shape"), "Polygon", {"POINTS": pairs(polygon)})
