"""The shipped sample lines are whole, small, and readable by the shipped recogniser's charset."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest
from PIL import Image

from inkport.core.charset import normalise_text
from inkport.core.preprocess import PreprocessSpec, prepare
from inkport.lines.source import read_lines


FOLDER = Path(str(files("inkport.benchmarks"))) / "samples"


@pytest.fixture(scope="module")
def lines():
    return list(read_lines([FOLDER / "lines.tsv"]))


def test_two_hundred_french_and_a_hundred_english_lines(lines):
    assert Counter(line.dataset for line in lines) == {"rendered-fr": 200, "rendered-en": 100}
    assert len({line.id for line in lines}) == len({line.text for line in lines}) == 300


def test_the_manifest_and_the_images_belong_together(lines):
    assert {line.image.name for line in lines} == {path.name for path in FOLDER.glob("*.png")}
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 2.5e6
    found = {path.name for path in FOLDER.iterdir() if path.suffix not in {".png", ".tsv", ".txt", ".md"}}
    # Lines that are made to tell of mistakes have a manifest of their own: test_telling.py.
    assert found == {"telling"}


def test_every_image_is_a_gray_line_that_fits_the_recogniser(lines):
    for line in lines:
        with Image.open(line.image) as image:
            assert (image.format, image.mode, image.height) == ("PNG", "L", 64)
        assert prepare(line.gray(), PreprocessSpec()).shape[3] > 4 * len(line.text)


def test_texts_hold_allowed_symbols_only(lines):
    allowed = set((FOLDER / "symbols.txt").read_text("utf-8").strip()) | {" "}
    for line in lines:
        assert line.text == normalise_text(line.text)
        assert 20 <= len(line.text) <= 60
        assert set(line.text) <= allowed


def test_every_font_is_named_with_its_licence(lines):
    readme = (FOLDER / "README.md").read_text("utf-8")
    for font in {line.writer for line in lines}:
        assert f"`@fontsource/{font.removesuffix('-400')}` |" in readme
