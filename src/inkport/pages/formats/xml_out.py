"""What the writers of XML share: documents, identifiers, and numbers as text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

from inkport.core.xml_text import xml_text
from inkport.pages.page import Box, Points


CREATOR = "inkport"
"""What documents name as the program that wrote them; its version would change them without a reason."""
WRITTEN = "1980-01-01T00:00:00"
"""What documents name as the time at which they were written, where their format asks for one: the same pages give the
same bytes. The earliest time that an archive can hold."""
_NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)


class Ids:
    """Identifiers of one document: valid, and each given once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, wanted: str, prefix: str) -> str:
        """Return an identifier.

        Args:
            wanted: Is taken if it is a name in XML (ASCII, no leading digit) and free.
            prefix: Begins the identifier otherwise, before a number.
        """
        name = wanted if _NAME.fullmatch(wanted) else ""
        number = 1
        while not name or name in self._taken:
            name = f"{prefix}{number}"
            number += 1
        self._taken.add(name)
        return name


def add(parent: Element, tag: str, attributes: dict[str, str] | None = None, text: str | None = None) -> Element:
    """Add an element to another; what XML cannot hold becomes the replacement character."""
    found = {name: xml_text(value) for name, value in (attributes or {}).items()}
    element = ET.SubElement(parent, tag, found)
    if text is not None:
        element.text = xml_text(text)
    return element


def document(root: Element, *, indent: bool = True) -> bytes:
    """Return an XML document in UTF-8 with a declaration.

    Args:
        root: Its root.
        indent: Whether elements begin on lines of their own; not where white space is text.
    """
    if indent:
        ET.indent(root)
    body: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=False)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + body + b"\n"


def decimal(value: float) -> str:
    """Return a number with at most two digits behind the point, and no more than it needs."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def probability(value: float) -> str:
    """Return a confidence, 0..1, with at most six digits."""
    return f"{value:.6f}".rstrip("0").rstrip(".") or "0"


def pairs(points: Points) -> str:
    """Return points as ``x,y x,y``."""
    return " ".join(f"{decimal(x)},{decimal(y)}" for x, y in points)


def whole_pairs(points: Iterable[tuple[float, float]], width: int, height: int) -> str:
    """Return points as ``x,y x,y`` in whole pixels within an image."""
    return " ".join(f"{_within(x, width)},{_within(y, height)}" for x, y in points)


def whole_box(box: Box, width: int, height: int) -> str:
    """Return a rectangle as ``left top right bottom`` in whole pixels within an image."""
    left, top, right, bottom = box.left, box.top, box.right, box.bottom
    return f"{_within(left, width)} {_within(top, height)} {_within(right, width)} {_within(bottom, height)}"


def _within(value: float, most: int) -> int:
    return min(max(round(value), 0), most)
