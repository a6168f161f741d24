"""Reading XML that somebody else wrote: no entity is declared or expanded, nothing outside the file is read.

The parser is the standard library's expat; ``xml.etree`` has no way to refuse entity declarations.
"""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from inkport.core.errors import LineDataError
from inkport.lines.datasets.layout import read_file


MAX_BYTES = 64 * 1024 * 1024
"""Files above this size are refused: the largest page or ink file of the data sets is far below a megabyte."""
MAX_ELEMENTS = 500_000
"""Most elements of a file: an empty one takes four bytes in the file and a hundred in memory."""
MAX_DEPTH = 100
"""Deepest nesting of elements; pages go down to about ten."""


def parse_xml(path: Path, *, root: str) -> Element:
    """Return the root element of an XML file, with namespaces dropped from all tags.

    Args:
        path: The file.
        root: Expected tag of the root element, without its namespace.

    Raises:
        LineDataError: If the file cannot be read, is too large or no well-formed XML, declares an entity, or has
            another root.
    """
    data = read_file(path)
    if len(data) > MAX_BYTES:
        raise LineDataError(f"{path}: {len(data)} bytes, more than the {MAX_BYTES} that are parsed")
    builder = TreeBuilder()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    limits = _Limits(builder, path)
    parser.StartElementHandler, parser.EndElementHandler = limits.start, limits.end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = limits.refuse_entity
    try:
        parser.Parse(data, True)
    # The others are raised for encodings that Python does not know, or knows and expat cannot take.
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise LineDataError(f"{path}: not well-formed XML ({error})", remedy="unpack or download it again") from error
    element = builder.close()
    if element.tag != root:
        raise LineDataError(f"{path}: the root element is <{element.tag}>, expected <{root}>")
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


def _local(tag: str) -> str:
    return tag.rpartition(" ")[2]
