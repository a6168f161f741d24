"""Heights come out of outlines as they were drawn, and pages that teach something wrong are refused."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest


pytest.importorskip("torch", reason="train is a torch package")

from inkport.core.errors import LineDataError
from inkport.train.finder.page_set import LEAST_BELOW, measure, read_pages


def turned(points, angle):
    """Points turned around the origin, clockwise as it is seen."""
    c, s = math.cos(angle), math.sin(angle)
    return np.asarray(points, np.float64) @ np.array([[c, s], [-s, c]])


@pytest.mark.parametrize("angle", [0.0, 0.3, math.pi / 2, math.pi, -2.0])
def test_heights_are_those_of_the_outline_however_the_line_lies(angle):
    baseline = turned([(10, 100), (210, 100)], angle)
    outline = turned([(10, 70), (210, 70), (210, 112), (10, 112)], angle)
    line = measure(baseline, outline)
    assert line.above == pytest.approx(30, abs=1e-6)
    assert line.below == pytest.approx(12, abs=1e-6)
    assert line.measured


def test_a_flourish_does_not_stretch_a_line():
    flourish = [(10, 70), (100, 70), (105, 20), (125, 20), (130, 70), (210, 70), (210, 112), (10, 112)]
    assert measure(np.array([(10.0, 100), (210, 100)]), np.array(flourish, float)).above == pytest.approx(30)


def test_a_bent_baseline_is_measured_along_itself():
    x = np.linspace(0, 300, 31)
    y = 100 + 20 * np.sin(x / 60)
    outline = np.concatenate([np.stack([x, y - 24], 1), np.stack([x, y + 8], 1)[::-1]])
    line = measure(np.stack([x, y], 1), outline)
    # Across a slope of at most 1/3 a strip is up to 5 % thinner than down the page.
    assert 24 * 0.95 - 0.5 < line.above <= 24.01
    assert 8 * 0.95 - 0.5 < line.below <= 8.01


def test_an_outline_above_the_baseline_leaves_a_least_height_below():
    box = np.array([(10.0, 70), (210, 70), (210, 99), (10, 99)])
    assert measure(np.array([(10.0, 100), (210, 100)]), box).below == LEAST_BELOW


def test_pages_of_a_set_have_their_pixels_and_lines(make_set, write_page):
    (page,) = read_pages([make_set(write_page("a"))], purpose="training")
    assert (page.id, page.dataset, page.licence, page.gray.shape) == ("a", "toy", "CC0-1.0", (300, 400))
    assert [float(line.baseline[0, 1]) for line in page.lines] == [60, 120, 180, 240]
    assert all((line.above, line.below) == pytest.approx((20, 6)) for line in page.lines)
    # There is ink between the height and the baseline of the first line, and none in the gap below it.
    assert page.gray[45:60].min() < 60
    assert page.gray[72:90].min() > 240


def test_the_same_pixels_are_the_same_page_under_any_name(make_set, write_page):
    pages = [write_page("a"), write_page("b", lines=2), dataclasses.replace(write_page("c"), document="z")]
    first, other, same = read_pages([make_set(*pages)], purpose="training")
    assert first.digest == same.digest != other.digest


@pytest.mark.parametrize("place", [{"polygon": ()}, {"baseline": ()}], ids=["no-outline", "no-baseline"])
def test_a_line_that_is_not_measured_teaches_nothing_and_is_there(place, make_set, write_page):
    (page,) = read_pages([make_set(write_page("a", **place))], purpose="training")
    assert [line.measured for line in page.lines] == [False, True, True, True]
    # Where it is, is known well enough to keep out of it.
    assert abs(float(page.lines[0].baseline[:, 1].mean()) - 60) < 6


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda page: dataclasses.replace(page, split="test"), "for testing"),
        (lambda page: dataclasses.replace(page, image=page.image[:200]), "page 'a'"),
        (lambda page: dataclasses.replace(page, page=dataclasses.replace(page.page, width=500)), "500 x 300"),
    ],
    ids=["test-page", "damaged-image", "other-size"],
)
def test_a_page_that_cannot_be_learnt_from_is_refused_with_its_name(change, words, make_set, write_page):
    path = make_set(change(write_page("a")))
    with pytest.raises(LineDataError, match="page 'a'") as caught:
        list(read_pages([path], purpose="training"))
    assert words in str(caught.value)
    assert caught.value.remedy


def test_a_line_without_any_place_is_refused(make_set, write_page):
    path = make_set(write_page("a", baseline=(), polygon=()))
    with pytest.raises(LineDataError, match="line 'l1'"):
        list(read_pages([path], purpose="training"))
