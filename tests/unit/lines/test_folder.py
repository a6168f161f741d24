"""A folder pairs each image with its own text, and says so where files do not pair up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from inkport.core.errors import LineDataError
from inkport.core.image import FORMATS
from inkport.lines.folder import IMAGE_SUFFIXES
from inkport.lines.source import read_lines, source_name


@pytest.fixture
def folder(tmp_path):
    def make(*names, texts=()):
        path = tmp_path / "set"
        path.mkdir(exist_ok=True)
        for name in names:
            Image.new("L", (40, 20), 255).save(path / name, "PNG")
        for name in texts:
            (path / name).write_text(f"text of {name}", encoding="utf-8")
        return path

    return make


def read(path):
    return {line.id: line.text for line in read_lines([path])}


def test_every_format_that_the_reader_opens_is_looked_for():
    Image.init()
    assert set(IMAGE_SUFFIXES) == {s for s, name in Image.registered_extensions().items() if name in {*FORMATS, "MPO"}}


@pytest.mark.parametrize(
    ("name", "format_"),
    [("a.jp2", "JPEG2000"), ("a.gif", "GIF"), ("a.ppm", "PPM"), ("a.pgm", "PPM"), ("a.JPG", "JPEG"), ("a.MPO", "MPO")],
)
def test_a_line_of_any_format_is_read(folder, name, format_):
    path = folder(texts=["a.gt.txt"])
    Image.new("RGB", (40, 20), "white").save(path / name, format_)
    (line,) = read_lines([path])
    assert (line.id, line.text, line.gray().shape) == (name, "text of a.gt.txt", (20, 40))


def test_no_line_takes_the_text_of_another(folder):
    path = folder("page.png", "page.2.png", "page.2.nrm.png", texts=["page.gt.txt", "page.2.gt.txt"])
    (path / "page.2.png").unlink()
    assert read(path) == {"page.png": "text of page.gt.txt", "page.2.nrm.png": "text of page.2.gt.txt"}
    (path / "page.2.gt.txt").unlink()
    with pytest.raises(
        LineDataError, match=r"page\.2\.nrm\.png: no transcription beside it, expected page\.2\.gt\.txt"
    ):
        read(path)


def test_a_name_that_ends_like_a_variant_keeps_its_own_text(folder):
    path = folder("a.bin.png", "a.png", texts=["a.bin.gt.txt", "a.gt.txt"])
    assert read(path) == {"a.bin.png": "text of a.bin.gt.txt", "a.png": "text of a.gt.txt"}


@pytest.mark.parametrize("other", ["a.nrm.png", "a.bin.png", "a.webp"])
def test_two_images_of_one_text_are_refused(folder, other):
    with pytest.raises(LineDataError, match=r"a: .*, .* are images of one text; keep one"):
        read(folder("a.png", other, texts=["a.gt.txt"]))


def test_a_text_without_an_image_is_named(folder):
    with pytest.raises(LineDataError, match=r"b\.gt\.txt: no image beside it\n"):
        read(folder("a.png", texts=["a.gt.txt", "b.gt.txt"]))
    with pytest.raises(LineDataError, match=r"b\.gt\.txt: no image beside it, found b\.heic"):
        read(folder(texts=["b.heic"]))


def test_all_that_do_not_pair_up_are_counted_and_ten_are_named(folder):
    with pytest.raises(LineDataError, match=r"12 images or texts that are not one pair(.|\n)*and 2 more") as caught:
        read(folder(*(f"{number:02}.png" for number in range(12))))
    assert "09.png" in caught.value.message
    assert "10.png" not in caught.value.message


def test_a_text_with_the_plain_suffix_is_pointed_at(folder):
    with pytest.raises(LineDataError, match=r"a\.png: no transcription .*expected a\.gt\.txt; rename a\.txt"):
        read(folder("a.png", texts=["a.txt"]))


def test_hidden_files_and_sub_folders_are_no_lines(folder):
    path = folder("a.png", "._a.png", texts=["a.gt.txt", "._a.gt.txt", ".DS_Store"])
    (path / "thumbs.png").mkdir()
    assert list(read(path)) == ["a.png"]


def test_a_folder_of_folders_says_that_they_are_not_searched(folder):
    path = folder()
    (path / "volume-1").mkdir()
    with pytest.raises(LineDataError, match=r"no image here .*folders in it are not searched: volume-1"):
        read(path)


def test_an_upper_case_end_of_a_text_is_one(folder):
    assert read(folder("A.PNG", texts=["A.GT.TXT"])) == {"A.PNG": "text of A.GT.TXT"}


@pytest.mark.parametrize("given", [".", "inner/..", "../set", "../set/", "inner/../."])
def test_the_current_folder_has_its_name(folder, monkeypatch, given):
    path = folder("a.png", texts=["a.gt.txt"])
    (path / "inner").mkdir()
    monkeypatch.chdir(path)
    (line,) = read_lines([Path(given)])
    assert (line.dataset, source_name(Path(given))) == ("set", "set")


def test_the_parent_and_the_root_have_names_and_a_link_has_its_own(folder, tmp_path, monkeypatch):
    path = folder("a.png", texts=["a.gt.txt"])
    (path / "inner").mkdir()
    monkeypatch.chdir(path / "inner")
    assert source_name(Path("..")) == "set"
    assert source_name(Path(os.sep))
    (tmp_path / "link").symlink_to(path)
    (line,) = read_lines([tmp_path / "link"])
    assert line.dataset == "link"
