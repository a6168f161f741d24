"""Lines come out of maps as they were drawn into them."""

from __future__ import annotations

import numpy as np
import pytest

from inkport.pages.components import components
from inkport.pages.find import MIDDLE, STRIDE, find_lines


SIZE = (120, 200)


def drawn(*lines, slope=0.0, above=8.0, below=3.0):
    """Return maps with a strip for each (left, right, baseline), in cells, with its ends marked."""
    maps = np.zeros((5, *SIZE), np.float32)
    maps[:3] = -6.0
    maps[3], maps[4] = np.log2(above), np.log2(below)
    for left, right, baseline in lines:
        for x in range(left, right):
            at = baseline + slope * (x + 0.5 - left)
            rows = [y for y in range(SIZE[0]) if at - 0.42 * above <= y + 0.5 <= at + 0.06 * above]
            maps[0, rows, x] = 6.0
            maps[1, rows, x] = 6.0 if x < left + 3 else -6.0
            maps[2, rows, x] = 6.0 if x >= right - 3 else -6.0
    return maps


def ends(line):
    return line.baseline[0] / STRIDE, line.baseline[-1] / STRIDE


@pytest.mark.parametrize("slope", [-0.2, 0.0, 0.2])
def test_a_strip_is_a_line_with_its_baseline_and_heights(slope):
    (line,) = find_lines(drawn((20, 160, 60.0), slope=slope))
    (x0, y0), (x1, y1) = ends(line)
    assert (x0, x1) == (20, 160)
    assert (y1 - y0) / 140 == pytest.approx(slope, abs=0.02)
    assert y0 == pytest.approx(60, abs=1.2)
    assert line.above == pytest.approx(8 * STRIDE, rel=0.01)
    assert line.below == pytest.approx(3 * STRIDE, rel=0.01)
    assert line.score > 0.99
    # The strip's middle is where it was drawn, so the baseline is so far below it.
    assert pytest.approx((0.42 - 0.06) / 2) == MIDDLE


def test_lines_are_told_from_top_to_bottom():
    found = find_lines(drawn((20, 160, 80.0), (30, 150, 30.0), (10, 190, 55.0)))
    assert [round(float(ends(line)[0][0])) for line in found] == [30, 10, 20]


def test_an_empty_page_has_none():
    assert find_lines(np.full((5, *SIZE), -6, np.float32)) == []


def test_two_columns_that_touch_are_cut_where_one_ends_and_the_other_begins():
    found = sorted(find_lines(drawn((10, 90, 60.0), (90, 180, 60.0))), key=lambda line: float(line.baseline[0, 0]))
    assert [tuple(round(float(end[0])) for end in ends(line)) for line in found] == [(10, 90), (90, 180)]


def test_a_gap_inside_a_line_is_bridged_and_one_between_lines_is_not():
    maps = drawn((10, 180, 60.0))
    maps[0, :, 80:90] = -6.0
    (line,) = find_lines(maps)
    assert [float(end[0]) for end in ends(line)] == [10, 180]
    assert len(find_lines(drawn((10, 80, 60.0), (90, 180, 60.0)))) == 2


def test_lines_that_touch_are_told_apart_where_the_core_is_surest():
    maps = drawn((10, 180, 50.0), (10, 180, 62.0))
    # A descender joins them, less surely than either is one.
    maps[0, 48:62, 90:94] = 1.0
    maps[0, 40:70, 30:150] = np.where(maps[0, 40:70, 30:150] < 0, 0.5, maps[0, 40:70, 30:150])
    assert [round(float(line.baseline[:, 1].mean() / STRIDE)) for line in find_lines(maps)] == [50, 62]


def test_specks_and_faint_strips_are_no_lines():
    maps = drawn((50, 54, 40.0), (20, 160, 80.0))
    assert len(find_lines(maps)) == 1
    maps[0] = np.where(maps[0] > 0, 0.3, maps[0])
    assert find_lines(maps) == []


def test_a_page_full_of_specks_that_touch_is_no_reason_to_search_it_a_thousand_times(monkeypatch):
    searched = []

    def counted(mask):
        searched.append(mask.size)
        return components(mask)

    monkeypatch.setattr("inkport.pages.find.components", counted)
    maps = np.full((5, 100, 100), -6.0, np.float32)
    maps[3], maps[4] = 1.0, 0.0
    for y in range(0, 100, 10):
        for x in range(0, 100, 10):
            maps[0, y : y + 7, x : x + 7] = 6.0
    find_lines(maps)
    # Each speck is higher than a line's core, so it is looked at again at two levels: alone.
    assert len(searched) == 1 + 2 * 100
    assert sum(searched) == 100 * 100 + 2 * 100 * 7 * 7
