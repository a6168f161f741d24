"""Composed pages say where their ink is, negatives have no line, spreads have both pages, shares are kept to."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest


pytest.importorskip("torch", reason="train is a torch package")

from inkport.core.config import parse_config
from inkport.core.errors import LineDataError
from inkport.train.finder import compose, sheets
from inkport.train.finder.compose import compose_page
from inkport.train.finder.negatives import empty_sheet, picture_sheet
from inkport.train.finder.page_set import FinderPage, TrueLine
from inkport.train.finder.recipe import FinderRecipe
from inkport.train.finder.sheet import Sheet, spread
from inkport.train.finder.sheets import Sheets


LINE = TrueLine(baseline=np.array([(20.0, 50), (180, 52)]), above=20.0, below=6.0)


def page(name, dataset="toy", shade=200):
    gray = np.full((300, 200), shade, np.uint8)
    return FinderPage(id=name, dataset=dataset, licence="", gray=gray, lines=(LINE,))


def recipe(**keys):
    plain = {"train": ["a"], "val": ["b"], "optim": {"steps": 1}}
    return parse_config(FinderRecipe, plain | keys, where="recipe")


def darkness(gray, line, low, high):
    """Mean darkness between two heights over a line's baseline, in heights above it."""
    xs = np.arange(line.baseline[0, 0] + 1, line.baseline[-1, 0] - 1)
    base = np.interp(xs, *line.baseline.T)
    rows = [np.rint(base - share * line.above).astype(int) for share in np.linspace(low, high, 8)]
    return 255 - np.mean([gray[row.clip(0, gray.shape[0] - 1), xs.astype(int)] for row in rows])


@pytest.mark.parametrize("layout", compose.LAYOUTS)
def test_a_composed_page_has_ink_where_it_says_and_none_between(layout, writing, rng, monkeypatch):
    monkeypatch.setattr(compose, "LAYOUTS", {name: float(name == layout) for name in compose.LAYOUTS})
    monkeypatch.setattr(compose, "paper", lambda shape, _: np.full(shape, 250, np.float32))
    monkeypatch.setattr(compose, "PICTURES", 0.0)
    monkeypatch.setattr(compose, "PITCHES", (2.0, 2.2))
    sheet = compose_page(writing, rng)
    assert len(sheet.lines) >= 3
    height, width = sheet.gray.shape
    for line in sheet.lines:
        assert (line.baseline > 0).all()
        assert (line.baseline < (width, height)).all()
        assert (np.diff(line.baseline[:, 0]) > 0).all()
        letters, gap = darkness(sheet.gray, line, 0.05, 0.6), darkness(sheet.gray, line, -0.45, -0.55)
        assert letters > 8 + 5
        assert letters > gap
    if layout in ("two", "three"):
        # Columns: lines beside one another.
        starts = np.sort([line.baseline[0, 0] for line in sheet.lines])
        assert np.diff(starts).max() > 0.15 * width


def test_words_that_a_font_cannot_draw_are_left_out(writing, rng):
    text = "あいう the bold えお light " * 40
    japanese = dataclasses.replace(writing, corpora=(dataclasses.replace(writing.corpora[0], text=text),))
    lengths = [len(compose_page(japanese, rng).lines) for _ in range(3)]
    assert min(lengths) > 0
    nothing = dataclasses.replace(writing, corpora=(dataclasses.replace(writing.corpora[0], text="あいう かき " * 40),))
    assert compose_page(nothing, rng).lines == ()


@pytest.mark.parametrize("make", [empty_sheet, picture_sheet])
def test_negatives_have_no_line_and_differ(make, rng):
    sheets = [make(rng) for _ in range(4)]
    assert all(sheet.lines == () and sheet.gray.dtype == np.uint8 for sheet in sheets)
    assert len({sheet.gray.tobytes() for sheet in sheets}) == 4


def test_pictures_have_the_contrasts_that_empty_paper_lacks(rng):
    assert min(picture_sheet(rng).gray.std() for _ in range(4)) > 15


def test_a_spread_has_both_pages_equally_high_and_their_lines(rng):
    left = Sheet(gray=np.full((300, 200), 200, np.uint8), lines=(LINE,))
    dark = np.full((150, 110), 250, np.uint8)
    dark[20:26, 10:100] = 0
    right = Sheet(
        gray=dark, lines=(TrueLine(baseline=np.array([(10.0, 26), (100, 26)]), above=6.0, below=2.0, measured=False),)
    )
    both = spread(left, right, rng)
    assert both.gray.shape == (300, 200 + 220)
    first, second = both.lines
    assert first is LINE
    assert second.baseline.tolist() == [[220, 52], [400, 52]]
    assert (second.above, second.below, second.measured) == (12, 4, False)
    # The bar is between the height of the line and its baseline.
    assert both.gray[41:51, 222:398].max() < 60
    assert both.gray[56:80, 260:380].min() > 200


def test_shares_of_scenes_and_data_sets_are_kept_to(rng, monkeypatch):
    def plain(shade):
        return lambda *_: Sheet(gray=np.full((300, 200), shade, np.uint8), lines=())

    for number, name in enumerate(("compose_page", "empty_sheet", "picture_sheet")):
        monkeypatch.setattr(sheets, name, plain(100 + number))
    pages = [page("a", "one", 10), page("b", "two", 20), page("c", "never", 30)]
    settings = recipe(
        shares={"one": 3.0, "never": 0.0},
        scenes={"composed": 0.2, "empty": 0.1, "pictures": 0.3, "spreads": 0.4, "fonts": "f", "texts": ["t"]},
    )
    drawn = [Sheets(settings, pages, object()).draw(rng) for _ in range(1000)]
    shades = np.array([sheet.gray[0, 0] for sheet in drawn])
    wide = np.array([sheet.gray.shape[1] > 300 for sheet in drawn])
    shares = {100: 0.2, 101: 0.1, 102: 0.3, 10: 0.3, 20: 0.1, 30: 0.0}
    # Four standard deviations of a thousand draws are at most 0.063.
    assert {shade: float((shades == shade).mean()) for shade in shares} == pytest.approx(shares, abs=0.063)
    assert not wide[(shades == 101) | (shades == 102)].any()
    assert wide[(shades != 101) & (shades != 102)].mean() == pytest.approx(0.4, abs=0.08)


def test_no_page_to_draw_is_an_error():
    with pytest.raises(LineDataError, match="ever be drawn"):
        Sheets(recipe(shares={"toy": 0.0}), [page("a")], None)
