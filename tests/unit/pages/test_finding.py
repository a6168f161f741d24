"""The shipped finder on pages that are pasted together from sample lines, so that it is known where each line is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkport.core.errors import ArtifactCorruptError, ArtifactNotFoundError, ImageError
from inkport.core.triangle import resample_bytes
from inkport.pages.find import FoundLine
from inkport.pages.finder_files import ABOUT, GRAPH, read_finder, shipped_finder, write_finder
from inkport.pages.finding import FoundPage, LineFinder, as_given, prepare_page, turned_back
from inkport.pages.found import is_line, page_of
from inkport.pages.inputs import PageImage


@pytest.fixture(scope="module")
def finder() -> LineFinder:
    pytest.importorskip("onnxruntime", reason="finding lines needs onnxruntime")
    return LineFinder(shipped_finder())


def picture(gray: np.ndarray) -> PageImage:
    return PageImage(id="p", source=Path("p.png"), number=1, picture=Image.fromarray(gray))


def middles(page) -> np.ndarray:
    """Where the middle of each line's baseline is."""
    return np.array([np.mean([line.baseline[0], line.baseline[-1]], axis=0) for line in page.lines])


def test_lines_are_found_where_they_are(finder, pasted_page):
    page = page_of(finder.find(pasted_page[0]), picture(pasted_page[0]))
    assert (page.orientation, page.width, page.height) == (0, 1000, 1400)
    assert abs(page.skew) < 0.5
    lines = list(page.lines)
    assert len(lines) == len(pasted_page[1])
    for line, (left, top, right, bottom) in zip(lines, pasted_page[1], strict=True):
        xs, ys = zip(*line.baseline, strict=True)
        assert top + 15 < min(ys) <= max(ys) < bottom + 5
        assert (min(xs), max(xs)) == pytest.approx((left, right), abs=60)
        assert len(line.polygon) >= 4
    assert len({line.id for line in lines}) == len(lines)


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_a_turned_page_is_told_and_its_lines_are_where_they_are_on_it(finder, pasted_page, turned):
    upright = page_of(finder.find(pasted_page[0]), picture(pasted_page[0]))
    # Turning by 360 - turned counter-clockwise is turning by it clockwise.
    gray = turned_back(pasted_page[0], 360 - turned)
    page = page_of(finder.find(gray), picture(gray))
    assert (page.orientation + turned) % 360 == 0
    assert (page.width, page.height) == gray.shape[::-1]
    wanted = as_given(middles(upright), turned, *gray.shape[::-1])
    assert np.abs(middles(page) - wanted).max() < 3
    # In the direction of reading, as the crop needs it.
    (x0, y0), (x1, y1) = next(page.lines).baseline[0], next(page.lines).baseline[-1]
    assert round(np.degrees(np.arctan2(y1 - y0, x1 - x0)) / 90) % 4 == turned // 90


def test_points_of_the_upright_page_are_mapped_to_their_own_pixels(rng):
    upright = rng.integers(0, 256, (7, 11), np.uint8)
    for turned in (0, 90, 180, 270):
        given = np.rot90(upright, -turned // 90)
        assert (turned_back(given, turned) == upright).all()
        for y, x in np.ndindex(upright.shape):
            ((u, v),) = as_given(np.array([[x + 0.5, y + 0.5]]), turned, *given.shape[::-1])
            assert given[int(v), int(u)] == upright[y, x]


@pytest.mark.parametrize("degrees", [-6, 6])
def test_skew_is_measured(finder, pasted_page, degrees):
    # Pillow turns counter-clockwise, and the page must be turned clockwise by as much to be level.
    gray = np.asarray(Image.fromarray(pasted_page[0]).rotate(degrees, Image.Resampling.BICUBIC, fillcolor=255))
    found = page_of(finder.find(gray), picture(gray))
    assert (found.orientation, found.skew) == (0, pytest.approx(degrees, abs=0.7))
    assert len(list(found.lines)) == len(pasted_page[1])


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_page_gives_nothing(finder, level):
    gray = np.full((900, 700), level, np.uint8)
    page = page_of(finder.find(gray), picture(gray))
    assert (page.regions, page.orientation, page.skew) == ((), 0, 0.0)


def row(y, *, left=10.0, right=800.0, above=30.0):
    return FoundLine(baseline=np.array([[left, y], [right, y]]), above=above, below=above / 3, score=0.9)


@pytest.mark.parametrize(
    ("lines", "turned", "size", "line"),
    [
        ((row(50),), 0, (820, 70), True),
        ((row(50, right=300), row(52, left=350)), 0, (820, 70), True),
        # What the descenders of the line above leave in the crop.
        ((row(8, right=90, above=12), row(60)), 0, (820, 80), True),
        ((row(40), row(90)), 0, (820, 110), False),
        ((row(400),), 0, (820, 1000), False),
        ((row(50),), 90, (820, 70), False),
        ((), 0, (820, 70), True),
        ((), 0, (820, 1000), False),
    ],
)
def test_one_row_that_fills_an_image_is_a_line(lines, turned, size, line):
    assert is_line(FoundPage(lines=lines, turned=turned, skew=0.0), *size) is line


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (33, 65)])
def test_any_shape_can_be_searched(finder, shape):
    assert finder.find(np.full(shape, 255, np.uint8)).lines == ()


def test_what_cannot_be_resampled_is_refused(finder):
    with pytest.raises(ImageError, match="triangle-v2"):
        finder.find(np.full((1, (1 << 15) + 1), 255, np.uint8))


def test_a_page_is_resampled_in_integers_and_padded_with_its_edge(finder, rng):
    gray = rng.integers(0, 256, (2000, 1500), np.uint8)
    prepared, scales = prepare_page(gray, long_side=finder.info.long_side, multiple=finder.info.multiple)
    assert (prepared.shape, prepared.dtype) == ((1, 1, 1600, 1216), np.float32)
    assert scales == (0.8, 0.8)
    inner = resample_bytes(gray, 1600, 1200)
    assert (np.rint(prepared[0, 0, :, :1200] * 255) == inner).all()
    assert (prepared[0, 0, :, 1200:] == prepared[0, 0, :, 1199:1200]).all()
    small, scales = prepare_page(gray[:100, :300], long_side=finder.info.long_side, multiple=finder.info.multiple)
    assert (small.shape, scales) == ((1, 1, 224, 608), (2.0, 2.0))


def test_a_finder_says_what_it_is_and_whom_to_credit():
    info, graph = read_finder(shipped_finder())
    assert (info.precision, info.long_side, info.stride, info.multiple) == ("int8", 1600, 4, 32)
    assert len(graph) <= 400_000
    assert info.attribution.count("CC-BY-4.0") == 6
    assert info.origin["calibration"]["splits"] == ["train"]


def test_damaged_finders_are_refused(tmp_path):
    with pytest.raises(ArtifactNotFoundError, match=r"no finder\.json"):
        read_finder(tmp_path)
    folder = tmp_path / "finder"
    shutil.copytree(shipped_finder(), folder)
    said = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    for change in ({"kind": "recogniser"}, {"schema": 2}, {"stride": "4"}, {"multiple": 0}, {"more": 1}):
        (folder / ABOUT).write_text(json.dumps({**said, **change}), encoding="utf-8")
        with pytest.raises(ArtifactCorruptError, match=r"finder\.json"):
            read_finder(folder)
    (folder / ABOUT).write_text(json.dumps(said), encoding="utf-8")
    (folder / GRAPH).write_bytes((folder / GRAPH).read_bytes() + b"\0")
    with pytest.raises(ArtifactCorruptError, match="not the file that"):
        read_finder(folder)


def test_a_graph_that_is_none_is_refused(tmp_path):
    pytest.importorskip("onnxruntime", reason="finding lines needs onnxruntime")
    info, _ = read_finder(shipped_finder())
    about = {name: value for name, value in vars(info).items() if name != "digest"}
    write_finder(tmp_path / "finder", b"no graph", **about)
    with pytest.raises(ArtifactCorruptError, match="cannot load"):
        LineFinder(tmp_path / "finder")
