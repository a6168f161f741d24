"""XML from elsewhere, read safely: no entities, nothing fetched, no more elements than fit into memory."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from inkport.core.errors import LineDataError
from inkport.core.reading import read_bytes


MAX_XML_BYTES = 64 * 1024 * 1024
"""Files above this size are refused: the largest page or ink file of the data sets is far below a megabyte."""
MAX_ELEMENTS = 500_000
"""Most elements of a file: an empty one takes four bytes in the file and a hundred in memory."""
MAX_DEPTH = 100
"""Deepest nesting of elements; pages go down to about ten."""


def parse_xml(path: Path, *, root: str | tuple[str, ...]) -> Element:
    """Return the root element of an XML file, with namespaces dropped from all tags.

    Args:
        path: The file.
        root: Expected tag of the root element, without its namespace; any of several.

    Raises:
        LineDataError: If the file cannot be read, is too large or no well-formed XML, declares an entity, or has
            another root.
    """
    try:
        data = read_bytes(path, limit=MAX_XML_BYTES)
    except OSError as error:
        raise LineDataError(f"{path}: cannot be read ({error})") from error
    builder = TreeBuilder()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    limits = _Limits(builder, path)
    parser.StartElementHandler, parser.EndElementHandler = limits.start, limits.end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = limits.refuse_entity
    # Named only where a declaration elsewhere might be, which is not fetched: the symbol would be lost without a word.
    parser.SkippedEntityHandler = limits.refuse_unknown_entity
    try:
        parser.Parse(data, True)
    # The others are raised for encodings that Python does not know, or knows and expat cannot take.
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise LineDataError(f"{path}: not well-formed XML ({error})", remedy="unpack or download it again") from error
    element = builder.close()
    roots = (root,) if isinstance(root, str) else root
    if element.tag not in roots:
        expected = " or ".join(f"<{tag}>" for tag in roots)
        raise LineDataError(f"{path}: the root element is <{element.tag}>, expected {expected}")
    return element


class _Limits:
    """Hands elements on to the builder, as long as there are neither too many nor too deep ones."""

    def __init__(self, builder: TreeBuilder, path: Path) -> None:
        self.builder, self.path, self.count, self.depth = builder, path, 0, 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.count, self.depth = self.count + 1, self.depth + 1
        if self.count > MAX_ELEMENTS or self.depth > MAX_DEPTH:
            raise LineDataError(
                f"{self.path}: more than {MAX_ELEMENTS} elements, or nested deeper than {MAX_DEPTH}",
                remedy="split it into pages",
            )
        self.builder.start(_local(tag), attributes)

    def end(self, tag: str) -> None:
        self.depth -= 1
        self.builder.end(_local(tag))

    def refuse_entity(self, name: str, *_: object) -> NoReturn:
        raise LineDataError(f"{self.path}: declares the entity {name!r}, which is refused", remedy="write its text out")

    def refuse_unknown_entity(self, name: str, _: bool) -> NoReturn:
        raise LineDataError(
            f"{self.path}: names the entity {name!r}, which it does not declare", remedy="write its text out"
        )


def _local(tag: str) -> str:
    return tag.rpartition(" ")[2]
