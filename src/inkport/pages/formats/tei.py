"""TEI P5: the text with its line beginnings, and the places of the lines as a facsimile.

Each line begins with ``<lb/>``, whose ``facs`` names its zone. A word that was divided and joined has its hyphen in
``<pc force="weak">`` and its second part behind ``<lb break="no"/>``: programs that drop both have the whole word.

Source:
    https://tei-c.org/release/doc/tei-p5-doc/en/html/PH.html (zones), and its sections on ``lb`` and ``pc``.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

from inkport.core.xml_text import xml_text
from inkport.pages.formats.xml_out import CREATOR, Ids, add, document, probability, whole_pairs
from inkport.pages.hyphens import hyphen_of
from inkport.pages.page import Line, Page, Points, Word, corners, line_box


NAMESPACE = "http://www.tei-c.org/ns/1.0"
"""Of TEI P5."""


def write_tei(pages: Iterable[Page]) -> bytes:
    """Return pages as one document; dropped lines are left out."""
    found = tuple(pages)
    root = ET.Element("TEI", {"xmlns": NAMESPACE})
    description = add(add(root, "teiHeader"), "fileDesc")
    add(add(description, "titleStmt"), "title", text=found[0].id if found else "")
    add(add(description, "publicationStmt"), "p", text=f"Read by {CREATOR}, unpublished.")
    add(add(description, "sourceDesc"), "p", text=", ".join(page.image or page.id for page in found))
    facsimile = add(root, "facsimile") if found else None
    body, ids = add(add(root, "text"), "body"), Ids()
    for page in found:
        zones = _surface(facsimile, page, ids) if facsimile is not None else {}
        _text(body, page, zones, number=found.index(page) + 1)
    return document(root, indent=False)


def _surface(facsimile: Element, page: Page, ids: Ids) -> dict[str, str]:
    """Write a page's zones, and return their identifiers by those of regions and lines; that of the page is empty."""
    name = ids.take(page.id, "page_")
    sides = {"ulx": "0", "uly": "0", "lrx": str(page.width), "lry": str(page.height)}
    surface = add(facsimile, "surface", {"xml:id": name} | sides)
    if page.image:
        add(surface, "graphic", {"url": page.image, "width": f"{page.width}px", "height": f"{page.height}px"})
    zones = {"": name}
    for line in page.lines:
        box = line_box(line)
        if line.dropped or box is None:
            continue
        zones[line.id] = ids.take(line.id, "line_")
        outline: Points = line.polygon if len(line.polygon) > 2 else corners(box)
        points = whole_pairs(outline, page.width, page.height)
        add(surface, "zone", {"xml:id": zones[line.id], "rendition": "TextLine", "points": points})
    return zones


def _text(body: Element, page: Page, zones: dict[str, str], *, number: int) -> None:
    add(body, "pb", {"n": str(number), "facs": f"#{zones['']}"})
    for region in page.regions:
        lines = [line for line in region.lines if not line.dropped]
        if not lines:
            continue
        block = add(body, "ab", {"type": region.kind} if region.kind else {})
        for line in lines:
            facs = {"facs": f"#{zones[line.id]}"} if line.id in zones else {}
            inside = bool(line.words) and line.words[0].part == 2
            begin = add(block, "lb", ({"break": "no"} if inside else {}) | facs)
            if line.words:
                _words(block, line)
            else:
                begin.tail = xml_text(line.text)


def _words(block: Element, line: Line) -> None:
    for index, word in enumerate(line.words):
        element = add(block, "w", _certainty(word))
        hyphen = hyphen_of(word)
        element.text = xml_text(word.text.removesuffix(hyphen))
        for other in word.alternatives:
            known = {} if other.confidence is None else {"cert": probability(other.confidence)}
            # Notes of the machine within the word, that no reader of the text takes for text.
            add(element, "note", {"type": "alternative"} | known, other.text)
        if hyphen:
            element = add(block, "pc", {"force": "weak"}, hyphen)
        if index + 1 < len(line.words):
            element.tail = " "


def _certainty(word: Word) -> dict[str, str]:
    known = {} if word.confidence is None else {"cert": probability(word.confidence)}
    return ({"part": "I" if word.part == 1 else "F"} if word.part else {}) | known
