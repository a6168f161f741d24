"""Reading XML that somebody else wrote: no entity is declared or expanded, nothing outside the file is read.

The parser is the standard library's expat; ``xml.etree`` has no way to refuse entity declarations.
"""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from inkport.core.errors import LineDataError
from inkport.lines.datasets.places import read_file


MAX_BYTES = 64 * 1024 * 1024
"""Files above this size are refused: the largest page or ink file of the data sets is far below a megabyte."""


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
    parser.StartElementHandler = lambda tag, attributes: builder.start(_local(tag), attributes)
    parser.EndElementHandler = lambda tag: builder.end(_local(tag))
    parser.CharacterDataHandler = builder.data

    def refuse(name: str, *_: object) -> NoReturn:
        raise LineDataError(f"{path}: declares the entity {name!r}, which is refused", remedy="write its text out")

    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise LineDataError(f"{path}: not well-formed XML ({error})", remedy="unpack or download it again") from error
    element = builder.close()
    if element.tag != root:
        raise LineDataError(f"{path}: the root element is <{element.tag}>, expected <{root}>")
    return element


def _local(tag: str) -> str:
    return tag.rpartition(" ")[2]
