"""hOCR: pages in HTML, with places and confidences in its ``title`` attributes.

Source:
    http://kba.github.io/hocr-spec/1.2/
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

from inkport.pages.formats.xml_out import CREATOR, Ids, add, document, whole_box
from inkport.pages.page import Box, Line, Page, Region, Word, box_of, line_box, region_box


CAPABILITIES = "ocr_page ocr_carea ocr_line ocrx_word"
"""What documents hold, in the words of hOCR."""


def write_hocr(pages: Iterable[Page]) -> bytes:
    """Return pages as one document, in XHTML; dropped lines are left out."""
    root = ET.Element("html", {"xmlns": "http://www.w3.org/1999/xhtml"})
    head = add(root, "head")
    add(head, "title")
    add(head, "meta", {"http-equiv": "Content-Type", "content": "text/html; charset=utf-8"})
    add(head, "meta", {"name": "ocr-system", "content": CREATOR})
    add(head, "meta", {"name": "ocr-capabilities", "content": CAPABILITIES})
    body, ids = add(root, "body"), Ids()
    for number, page in enumerate(pages):
        _Writer(page, ids).write(body, number)
    # White space is text in HTML: only what holds no text itself may be indented.
    return document(root, indent=False)


class _Writer:
    def __init__(self, page: Page, ids: Ids) -> None:
        self.page, self.ids = page, ids

    def write(self, body: Element, number: int) -> None:
        # Quotes end a name, and hOCR knows no escape.
        name = self.page.image.replace('"', "'")
        title = f'image "{name}"; {self._box(None)}; ppageno {number}'
        element = add(body, "div", {"class": "ocr_page", "id": self.ids.take(self.page.id, "page_"), "title": title})
        for region in self.page.regions:
            lines = [line for line in region.lines if not line.dropped]
            if lines:
                self._region(element, region, lines)

    def _box(self, box: Box | None) -> str:
        width, height = self.page.width, self.page.height
        return f"bbox {whole_box(box or Box(0, 0, width, height), width, height)}"

    def _region(self, page: Element, region: Region, lines: list[Line]) -> None:
        name = self.ids.take(region.id, "region_")
        area = add(page, "div", {"class": "ocr_carea", "id": name, "title": self._box(region_box(region))})
        for line in lines:
            name = self.ids.take(line.id, "line_")
            element = add(area, "span", {"class": "ocr_line", "id": name, "title": self._line_title(line)})
            for word in line.words or (Word(text=line.text, confidence=line.confidence),):
                self._word(element, line, word)
            # Browsers show the document, too.
            add(area, "br")

    def _line_title(self, line: Line) -> str:
        box = line_box(line)
        title = self._box(box)
        if box is None or len(line.baseline) < 2:
            return title
        # The line through both ends, from the lower left corner of the box.
        (x0, y0), (x1, y1) = line.baseline[0], line.baseline[-1]
        slope = (y1 - y0) / (x1 - x0) if x1 != x0 else 0.0
        offset = y0 + slope * (box.left - x0) - box.bottom
        return f"{title}; baseline {slope:.4f} {offset:.1f}"

    def _word(self, element: Element, line: Line, word: Word) -> None:
        title = self._box(box_of(word.polygon) or line_box(line))
        if word.confidence is not None:
            title += f"; x_wconf {100 * word.confidence:.0f}"
        name = self.ids.take("", "word_")
        span = add(element, "span", {"class": "ocrx_word", "id": name, "title": title}, word.text)
        span.tail = " "
        if not word.alternatives:
            return
        span.text = None
        choices = add(span, "span", {"class": "alternatives"})
        add(choices, "ins", {"class": "alt"}, word.text)
        for other in word.alternatives:
            known = {} if other.confidence is None else {"title": f"x_confs {100 * other.confidence:.0f}"}
            add(choices, "del", {"class": "alt"} | known, other.text)
