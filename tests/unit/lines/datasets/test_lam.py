"""LAM: JSON lists of the basic split."""

from __future__ import annotations

import json

import pytest

from inkport.core.errors import LineDataError
from inkport.lines.datasets.layout import Split
from inkport.lines.datasets.line_images import list_lam


def test_lines_in_the_order_of_the_list_with_their_author_and_decade(lam):
    lines = list(list_lam(lam, Split.TEST))
    assert [(line.id, line.text, line.writer, line.document, line.missing) for line in lines] == [
        ("000_00.jpg", "Sereniss.ma Altezza", "muratori", "decade-0", ""),
        ("001_01.jpg", "è più #", "muratori", "decade-1", ""),
    ]
    assert lines[0].image() == (lam / "lines/img/000_00.jpg").read_bytes()


def test_the_folder_that_the_archive_was_unpacked_in_will_do(lam):
    assert [line.id for line in list_lam(lam.parent, Split.TEST)] == ["000_00.jpg", "001_01.jpg"]


def test_a_missing_image_is_named(lam):
    (lam / "lines/img/001_01.jpg").unlink()
    assert [line.missing for line in list_lam(lam, Split.TEST)] == ["", "no image lines/img/001_01.jpg"]


def test_a_missing_list_is_refused(lam):
    with pytest.raises(LineDataError, match=r"no split/basic/val\.json here, found img/, split/"):
        list(list_lam(lam, Split.VAL))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "not readable as JSON"),
        ('{"img": "a.jpg", "text": "a"}', "expected a list of objects"),
        ('["a.jpg"]', "expected a list of objects"),
        ('[{"img": "a.jpg"}]', r"entry 0: text is None, expected a text \(found keys \['img'\]\)"),
        ('[{"img": 7, "text": "a"}]', "entry 0: img is 7"),
        ('[{"img": "../a.jpg", "text": "a"}]', "'../a.jpg' is not the name of a file"),
        ('[{"img": "", "text": "a"}]', "'' is not the name of a file"),
    ],
)
def test_malformed_lists_are_refused(lam, content, message):
    (lam / "lines/split/basic/test.json").write_text(content)
    with pytest.raises(LineDataError, match=message):
        list(list_lam(lam, Split.TEST))


def test_a_list_that_is_not_utf_8_is_refused(lam):
    (lam / "lines/split/basic/test.json").write_bytes(json.dumps([]).encode() + b"\xe9")
    with pytest.raises(LineDataError, match=r"not readable as JSON \('utf-8' codec"):
        list(list_lam(lam, Split.TEST))
