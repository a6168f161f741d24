"""XML made to harm, or in an encoding that there is not."""

from __future__ import annotations

import os

import pytest

from inkport.core.errors import LineDataError
from inkport.lines.safe_xml import MAX_DEPTH, MAX_ELEMENTS, parse_xml


@pytest.fixture
def parse(tmp_path):
    def parse(data: bytes):
        (tmp_path / "a.xml").write_bytes(data)
        return parse_xml(tmp_path / "a.xml", root="PcGts")

    return parse


def test_a_document_comes_without_namespaces(parse):
    found = parse(
        '<?xml version="1.0" encoding="utf-16"?><PcGts xmlns="urn:x"><Page n="1">é</Page></PcGts>'.encode("utf-16")
    )
    assert [(e.tag, e.attrib, e.text) for e in found] == [("Page", {"n": "1"}, "é")]
    deepest = parse(b"<PcGts>" + b"<a>" * (MAX_DEPTH - 1) + b"</a>" * (MAX_DEPTH - 1) + b"</PcGts>")
    assert len(list(deepest.iter())) == MAX_DEPTH


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b'<?xml version="1.0" encoding="foo"?><PcGts/>', "not well-formed XML .*foo"),
        (b'<?xml version="1.0" encoding="shift_jis"?><PcGts/>', "not well-formed XML .*multi-byte"),
        (b'<?xml version="1.0" encoding="hex"?><PcGts/>', "not well-formed XML"),
        (b"<PcGts>\xff</PcGts>", "not well-formed XML"),
        (b"<PcGts>\0</PcGts>", "not well-formed XML"),
        (b"", "not well-formed XML"),
        (b"<PcGts>" + b"<a>" * 100_000, f"nested deeper than {MAX_DEPTH}"),
        (b"<PcGts>" + b"<a/>" * MAX_ELEMENTS + b"</PcGts>", f"more than {MAX_ELEMENTS} elements"),
        (b'<!DOCTYPE PcGts [<!ENTITY a "b">]><PcGts>&a;</PcGts>', "declares the entity 'a'"),
        (b'<!DOCTYPE PcGts [<!ENTITY % a SYSTEM "file:///etc/passwd"> %a;]><PcGts/>', "declares the entity 'a'"),
        (b'<!DOCTYPE PcGts SYSTEM "a.dtd"><PcGts>&eacute;</PcGts>', "names the entity 'eacute'"),
        (b'<!DOCTYPE PcGts [<!ENTITY a "x"><!ENTITY b "&a;&a;&a;&a;">]><PcGts>&b;</PcGts>', "declares the entity 'a'"),
    ],
)
def test_what_is_refused(parse, data, fault):
    with pytest.raises(LineDataError, match=fault):
        parse(data)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.xml")
    with pytest.raises(LineDataError, match="a pipe, not a file"):
        parse_xml(tmp_path / "a.xml", root="PcGts")
