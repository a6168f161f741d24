"""Page sets: made of ALTO and PAGE with their images, written, and read again."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from inkport.core.errors import DataError, LineDataError
from inkport.pages.formats.alto_out import write_alto
from inkport.pages.formats.page_out import write_page
from inkport.pages.page import Line, Page, Region
from inkport.pages.page_sets import TruePage, read_page_set, write_page_set
from inkport.pages.page_sources import layout_files, true_pages


pytest.importorskip("pyarrow", reason="the extra parquet")
ABOUT = {"dataset": "set", "split": "val", "licence": "CC-BY-4.0"}


def layout(image: str = "a.png") -> Page:
    """A page of 400 x 200 px with a line in each of two regions."""
    lines = [
        Line(id=f"l{n}", baseline=((40, y), (360, y)), polygon=((40, y - 30), (360, y - 30), (360, y + 10)), text=text)
        for n, (y, text) in enumerate(((60, " e\u0301te\u0301  1 "), (140, "deux")))
    ]
    regions = tuple(Region(id=f"r{n}", lines=(line,)) for n, line in enumerate(lines))
    return Page(id="p", width=400, height=200, image=image, regions=regions)


def picture() -> Image.Image:
    found = Image.new("L", (400, 200), 255)
    ImageDraw.Draw(found).rectangle((40, 50, 359, 59), fill=0)
    return found


@pytest.fixture
def folder(tmp_path):
    """Two documents: in ALTO with the image beside it, and in PAGE as it is exported, the image in the folder above."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two" / "page").mkdir(parents=True)
    (tmp_path / "one" / "a.xml").write_bytes(write_alto(layout()))
    picture().save(tmp_path / "one" / "a.png")
    (tmp_path / "two" / "page" / "b.xml").write_bytes(write_page(layout("")))
    (tmp_path / "two" / "mets.xml").write_text("<mets/>")
    picture().save(tmp_path / "two" / "b.tif")
    return tmp_path


def test_pages_of_both_formats_come_with_their_images(folder):
    found = list(true_pages(layout_files([folder]), long_side=1000, **ABOUT))
    assert [(true.page.id, true.document) for true in found] == [("set/a", "set/one"), ("set/b", "set/two")]
    for true in found:
        assert [line.text for line in true.page.lines] == ["\u00e9t\u00e9 1", "deux"]
        pixels = np.asarray(Image.open(io.BytesIO(true.image)))
        assert pixels.shape == (200, 400)
        assert np.abs(pixels.astype(int) - np.asarray(picture())).mean() < 3


def test_larger_images_are_made_smaller_with_their_points(folder):
    (true, _) = true_pages(layout_files([folder]), long_side=100, **ABOUT)
    assert (true.page.width, true.page.height) == (100, 50)
    line = next(true.page.lines)
    assert line.baseline == ((10, 15), (90, 15))
    pixels = np.asarray(Image.open(io.BytesIO(true.image)))
    # The dark bar above the baseline, from 40 to 360 px before.
    assert pixels[13, 12:88].max() < 60
    assert pixels[20].min() > 220


def test_a_page_set_comes_back_as_it_was(folder, tmp_path):
    pages = [page for page in true_pages(layout_files([folder]), long_side=1000, **ABOUT) if isinstance(page, TruePage)]
    assert write_page_set(pages, tmp_path / "set.parquet") == 2
    found = list(read_page_set(tmp_path / "set.parquet"))
    for before, after in zip(pages, found, strict=True):
        assert replace(after, page=before.page) == before
        assert [len(region.lines) for region in after.page.regions] == [1, 1]
        assert [(b.baseline, b.polygon) for b in after.page.lines] == [
            (b.baseline, b.polygon) for b in before.page.lines
        ]
        assert (after.page.id, after.page.width, after.page.height) == (before.page.id, 400, 200)


def test_the_given_page_sets_are_read(schemas):
    path = schemas.parent / "pages" / "pages-val.parquet"
    if not path.is_file():
        pytest.skip("no page sets (shared/pages) beside the project")
    found = list(read_page_set(path))
    assert (len(found), sum(1 for true in found for _ in true.page.lines)) == (18, 365)
    first = found[0]
    assert (first.dataset, first.document, first.split) == ("copiste", "copiste/0255", "val")
    assert next(first.page.lines).text == "Madjid Fahem est un guitariste français né en 1973"
    with Image.open(io.BytesIO(first.image)) as image:
        assert image.size == (first.page.width, first.page.height)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda folder: (folder / "one" / "a.png").unlink(), "no image a.png beside it"),
        (lambda folder: (folder / "one" / "a.png").write_bytes(b"no"), "not an image"),
        (lambda folder: picture().resize((200, 100)).save(folder / "one" / "a.png"), "200 x 100 px, .* says 400 x 200"),
        (lambda folder: (folder / "one" / "a.xml").write_text("<alto"), "not well-formed"),
    ],
)
def test_a_page_that_cannot_be_used_leaves_the_others(folder, damage, says):
    damage(folder)
    bad, good = true_pages(layout_files([folder]), long_side=1000, **ABOUT)
    assert isinstance(bad, DataError)
    with pytest.raises(DataError, match=says):
        raise bad
    assert isinstance(good, TruePage)


def test_nothing_is_written_without_a_page(tmp_path):
    with pytest.raises(LineDataError, match="no page to write"):
        write_page_set([], tmp_path / "set.parquet")
    assert list(tmp_path.iterdir()) == []


def test_other_tables_are_no_page_sets(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "a.parquet")
    with pytest.raises(LineDataError, match="no column 'dataset', so it is no page set"):
        list(read_page_set(tmp_path / "a.parquet"))
    names = {name: ["x"] for name in ("id", "dataset", "document", "split", "licence", "width", "height", "lines")}
    pq.write_table(pa.table(names | {"image": [{"bytes": b"", "path": ""}]}), tmp_path / "b.parquet")
    with pytest.raises(LineDataError, match="row 0 is no page"):
        list(read_page_set(tmp_path / "b.parquet"))


@pytest.mark.parametrize(("name", "says"), [("absent", "no such file"), ("empty", "no .xml file")])
def test_where_there_is_nothing(tmp_path, name, says):
    (tmp_path / "empty").mkdir()
    with pytest.raises(LineDataError, match=says):
        layout_files([tmp_path / name])
