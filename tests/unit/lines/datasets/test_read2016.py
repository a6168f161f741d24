"""READ 2016: lines cut from pages along PAGE XML, by box or by outline."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from inkport.core.errors import ImageError, LineDataError
from inkport.lines.datasets.layout import Split
from inkport.lines.datasets.read2016 import list_read2016, read_page


def pixels(line):
    return np.asarray(Image.open(io.BytesIO(line.image())))


def test_lines_of_all_pages_in_order_with_their_own_text(read2016):
    lines = list(list_read2016(read2016, Split.VAL))
    assert [(line.id, line.text, line.document) for line in lines] == [
        ("Seite0401/l1", "vnd Rat", "Seite0401"),
        ("Seite0401/l2", "", "Seite0401"),
        ("Seite0402/l1", "ains m\u0304", "Seite0402"),
    ]
    assert not any(line.missing for line in lines)


def test_a_box_holds_exactly_the_pixels_within_the_outline_borders_included(read2016):
    line = next(list_read2016(read2016, Split.VAL))
    # BT.601: 0.299 * 60 + 0.587 * 20 + 0.114 * 20
    np.testing.assert_array_equal(pixels(line), np.full((30, 100), 32))


def test_parts_beyond_the_page_are_left_out_and_a_mask_whitens_what_the_outline_leaves_out(read2016):
    *_, boxed = list_read2016(read2016, Split.VAL)
    *_, masked = list_read2016(read2016, Split.VAL, masked=True)
    np.testing.assert_array_equal(pixels(boxed), np.zeros((40, 300)))
    found = pixels(masked)
    assert found.shape == (40, 300)
    # A triangle that stands on its tip, clipped at both ends.
    assert (found[0] == 0).all()
    assert (found[-1, :140] == 255).all()
    assert (found[-1, 160:] == 255).all()
    assert found[30, 150] == 0
    assert 0.4 < (found == 0).mean() < 0.6


def test_the_test_archive_keeps_its_images_elsewhere(read2016):
    (line,) = list_read2016(read2016, Split.TEST)
    assert (line.id, pixels(line).shape) == ("Seite0451/l1", (30, 100))


def test_a_page_without_its_image_is_named(read2016):
    (read2016 / "Test-ICFHR-2016/Seite0451.JPG").unlink()
    (line,) = list_read2016(read2016, Split.TEST)
    assert line.missing == "no image of page Seite0451 in Test-ICFHR-2016"


def test_an_image_of_another_size_is_refused(read2016):
    path = read2016 / "Test-ICFHR-2016/Seite0451.JPG"
    Image.open(path).rotate(90, expand=True).save(path)
    (line,) = list_read2016(read2016, Split.TEST)
    with pytest.raises(LineDataError, match="200 x 300 px, its PAGE XML says 300 x 200"):
        line.image()


def test_a_damaged_page_is_an_image_error(read2016):
    (read2016 / "Test-ICFHR-2016/Seite0451.JPG").write_bytes(b"none")
    (line,) = list_read2016(read2016, Split.TEST)
    with pytest.raises(ImageError, match=r"Seite0451\.JPG"):
        line.image()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("PcGts", "alto", "the root element is <alto>, expected <PcGts>"),
        ("<Page ", "<Seite ", "not well-formed XML"),
        ('imageWidth="300"', "", "no imageWidth and imageHeight"),
        ('TextLine id="l1"', "TextLine", "a <TextLine> without an id"),
        ('<Coords points="20,30 119,30 119,59 20,59"/>', "", "line l1 has no <Coords>"),
        ("20,30 119,30 119,59 20,59", "20,30 119,30", "an outline of 2 points"),
        ("20,30 119,30 119,59 20,59", "20,30 119,x 119,59", "not pairs of whole numbers"),
        ("20,30 119,30 119,59 20,59", "20,30 119 119,59", "not pairs of whole numbers"),
        ("<TextEquiv><Unicode>S", '<TextEquiv index="a"><Unicode>S', "an index that is not a number"),
        ('standalone="yes"?>', "?><!DOCTYPE x [<!ENTITY a 'b'>]>", "declares the entity 'a', which is refused"),
    ],
)
def test_malformed_pages_are_refused(read2016, old, new, message):
    path = read2016 / "Test-ICFHR-2016/page/Seite0451.xml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(LineDataError, match=rf"Seite0451\.xml: .*{message}"):
        list(list_read2016(read2016, Split.TEST))


def test_a_line_outside_its_page_is_refused(read2016):
    path = read2016 / "Test-ICFHR-2016/page/Seite0451.xml"
    path.write_text(path.read_text().replace("20,30 119,30 119,59 20,59", "400,30 500,30 500,59"))
    (line,) = list_read2016(read2016, Split.TEST)
    with pytest.raises(LineDataError, match="line l1 lies outside the page"):
        line.image()


def test_a_folder_without_pages_is_refused(read2016):
    (read2016 / "Test-ICFHR-2016/page/Seite0451.xml").unlink()
    with pytest.raises(LineDataError, match="no PAGE XML file"):
        list(list_read2016(read2016, Split.TEST))


def test_points_of_older_schemas_and_the_best_of_several_transcriptions(tmp_path):
    path = tmp_path / "old.xml"
    points = "".join(f'<Point x="{x}" y="{y}"/>' for x, y in ((1, 2), (30, 2), (30, 9)))
    texts = "".join(
        f'<TextEquiv index="{index}"><Unicode>{text}</Unicode></TextEquiv>'
        for index, text in ((1, "second"), (0, "first"))
    )
    path.write_text(
        '<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2010-03-19">'
        '<Page imageWidth="40" imageHeight="10"><TextRegion id="r"><TextRegion id="inner">'
        f'<TextLine id="l"><Coords>{points}</Coords>{texts}</TextLine></TextRegion></TextRegion></Page></PcGts>'
    )
    (line,) = read_page(path).lines
    assert (line.text, line.points) == ("first", ((1, 2), (30, 2), (30, 9)))
