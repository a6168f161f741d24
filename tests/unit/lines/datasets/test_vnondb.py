"""HANDS-VNOnDB: ink that is drawn, and images that others drew."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from inkport.core.errors import LineDataError
from inkport.lines.datasets.layout import Split
from inkport.lines.datasets.vnondb import (
    INK_HEIGHT_PX,
    MARGIN_PX,
    MAX_INK_WIDTH_PX,
    draw_ink,
    list_vnondb,
    list_vnondb_images,
)


FILE = "InkData_line/20151224_0141_7818_1.inkml"


def pixels(encoded):
    return np.asarray(Image.open(io.BytesIO(encoded)))


def test_groups_are_lines_with_text_and_writer(vnondb):
    lines = list(list_vnondb(vnondb, Split.VAL))
    assert {line.document for line in lines} == {"20151224_0141_7818_1"}
    assert [(line.id, line.text, line.writer, line.missing) for line in lines] == [
        ("20151224_0141_7818_1_tg_0_0", "Việt Nam", "0141", ""),
        ("20151224_0141_7818_1_tg_0_1", "đẹp", "0141", ""),
    ]


def test_ink_is_drawn_where_it_was_written(vnondb):
    first, second = (pixels(line.image()) for line in list_vnondb(vnondb, Split.VAL))
    # Two upright strokes as far apart as they are long, and a dot in the middle.
    low, middle, high = MARGIN_PX, MARGIN_PX + INK_HEIGHT_PX // 2, MARGIN_PX + INK_HEIGHT_PX
    assert first.shape == (high + MARGIN_PX + 1,) * 2
    assert (first[low:high, [low, high]] == 0).all()
    assert first[middle, middle] == 0
    assert (first[low:high, low + 6 : middle - 6] == 255).all()
    for border in (first[:2], first[-2:], first[:, :2], first[:, -2:]):
        assert (border == 255).all()
    # A third channel (the pen's pressure) is no coordinate: down to the middle and up again.
    dark = second < 128
    height, width = second.shape
    assert (width - 2 * MARGIN_PX - 1) / (height - 2 * MARGIN_PX - 1) == 8
    assert dark[: height // 3, :100].any()
    assert dark[2 * height // 3 :, width // 2 - 50 : width // 2 + 50].any()
    assert not dark[2 * height // 3 :, :100].any()


@pytest.mark.parametrize("stroke", [[[5, 5]], [[0, 3], [9000, 3]], [[3, 0], [3, 9000]]])
def test_ink_without_height_or_width_can_be_drawn(stroke):
    found = pixels(draw_ink((np.array(stroke, dtype=float),)))
    assert (found < 128).any()
    assert found.shape[0] == INK_HEIGHT_PX + 2 * MARGIN_PX + 1
    assert found.shape[1] <= MAX_INK_WIDTH_PX + 2 * MARGIN_PX + 1


def test_a_group_without_ink_and_a_file_that_is_not_there_are_named(vnondb):
    path = vnondb / FILE
    path.write_text(path.read_text().replace("0 0 12, 400 100 13,800 0 255", " "))
    (vnondb / "validation_set.txt").write_text("20151224_0141_7818_1.inkml\nother.inkml\n")
    found = {line.id: line.missing for line in list_vnondb(vnondb, Split.VAL)}
    assert found == {
        "20151224_0141_7818_1_tg_0_0": "",
        "20151224_0141_7818_1_tg_0_1": "no ink",
        "other": "no file InkData_line/other.inkml",
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("</ink>", "", "not well-formed XML"),
        ("ink>", "inkml>", "the root element is <inkml>, expected <ink>"),
        (' id="tg_0_1"', "", "a <traceGroup> without an id"),
        ("1480 2480", "1480 x", "not a list of points"),
        ("1000 2960", "1000", "not a list of points"),
        ("1480 2480", "1480 inf", "not finite"),
        ("<ink>", '<!DOCTYPE ink [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><ink>', "declares the entity 'a'"),
    ],
)
def test_malformed_ink_is_refused(vnondb, old, new, message):
    path = vnondb / FILE
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(LineDataError, match=message):
        list(list_vnondb(vnondb, Split.VAL))


def test_a_namespace_changes_nothing(vnondb):
    path = vnondb / FILE
    before = [(line.id, line.text, line.image()) for line in list_vnondb(vnondb, Split.VAL)]
    path.write_text(path.read_text().replace("<ink>", '<ink xmlns="http://www.w3.org/2003/InkML">'))
    assert [(line.id, line.text, line.image()) for line in list_vnondb(vnondb, Split.VAL)] == before


def test_drawn_images_come_in_the_order_of_their_numbers(vnondb):
    lines = list(list_vnondb_images(vnondb, Split.VAL))
    assert [(line.id[-6:], line.text, line.writer) for line in lines] == [
        ("tg_0_0", "Việt Nam", "0141"),
        ("tg_0_2", "hai", "0141"),
        ("g_0_10", "mười", "0141"),
    ]
    assert lines[1].image() == (vnondb / "InkData_line_processed/20151224_0141_7818_1_tg_0_2.png").read_bytes()


def test_an_image_without_text_and_a_file_without_images_are_named(vnondb):
    (vnondb / "InkData_line_processed/20151224_0141_7818_1_tg_0_2.txt").unlink()
    (vnondb / "validation_set.txt").write_text("20151224_0141_7818_1.inkml\nother.inkml\n")
    found = {line.id: line.missing for line in list_vnondb_images(vnondb, Split.VAL) if line.missing}
    assert found == {
        "20151224_0141_7818_1_tg_0_2": "no transcription InkData_line_processed/20151224_0141_7818_1_tg_0_2.txt",
        "other": "no image InkData_line_processed/other_tg_*.png",
    }
