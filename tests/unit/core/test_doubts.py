"""Lines that are right give no warning; the same lines inverted, and pages made of them, do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from inkport.core.doubts import (
    HIGH,
    LOW,
    SEVERAL_CONFIDENCE,
    TURNED_CONFIDENCE,
    TURNED_SURER,
    UNSURE,
    DoubtKind,
    doubts as all_doubts,
    is_inverted,
    text_rows,
)
from inkport.core.image import load_gray


SAMPLES = sorted((Path(__file__).parents[3] / "benchmarks/samples").glob("*.png"))[::12]
RNG = np.random.default_rng(20)


@pytest.fixture(scope="module")
def lines():
    return [load_gray(path) for path in SAMPLES]


def never():
    raise AssertionError("read upside down without need")


def doubts(gray, *, confidence=0.95, turned=never, **others):
    """What is said of an image, by default of one that was read surely."""
    return all_doubts(gray, height=48, confidence=confidence, turned=turned, **others)


def kinds(*args, **kwargs):
    return [doubt.kind for doubt in doubts(*args, **kwargs)]


def page_of(lines, *, columns=900, gap=24):
    """Stack lines, cut or filled with white to one width."""
    rows = []
    for line in lines:
        row = np.ones((line.shape[0], columns), np.float32)
        row[:, : min(columns, line.shape[1])] = line[:, :columns]
        rows += [row, np.ones((gap, columns), np.float32)]
    return np.concatenate(rows)


def test_lines_that_are_right_give_no_warning(lines):
    assert len(lines) == 25
    assert [doubts(line) for line in lines] == [()] * 25


@pytest.mark.parametrize(
    "changed",
    [
        lambda gray: 1 - gray,
        lambda gray: 0.8 - 0.6 * gray,
        lambda gray: 0.15 + 0.2 * (1 - gray),
        lambda gray: (1 - gray) * np.linspace(0.6, 1, gray.shape[1], dtype=np.float32),
        lambda gray: np.clip(1 - gray + RNG.normal(0, 0.05, gray.shape), 0, 1).astype(np.float32),
    ],
    ids=["black", "gray", "low contrast", "shaded", "noisy"],
)
def test_light_ink_on_dark_paper_is_found(lines, changed):
    for line in lines:
        (doubt,) = doubts(changed(line))
        assert doubt.kind == DoubtKind.INVERTED
        assert "white on black" in str(doubt)


@pytest.mark.parametrize(
    "changed",
    [
        lambda gray: 0.3 + 0.2 * gray,
        lambda gray: 0.1 + 0.5 * gray,
        lambda gray: gray * np.linspace(0.5, 1, gray.shape[1], dtype=np.float32),
        lambda gray: np.clip(gray * 0.8 + RNG.normal(0, 0.05, gray.shape), 0, 1).astype(np.float32),
        lambda gray: np.pad(gray, ((6, 6), (40, 40))),
        lambda gray: np.pad(gray, ((60, 60), (60, 60)), constant_values=1),
        lambda gray: gray[:, : gray.shape[0]],
        lambda gray: gray[:, : gray.shape[0] // 3],
        lambda gray: np.concatenate([gray] * 4, axis=1),
        lambda gray: np.concatenate([np.zeros((2, gray.shape[1]), np.float32), gray, gray[:2] * 0], axis=0),
    ],
    ids=["dark", "darker", "shaded", "noisy", "black frame", "wide margins", "word", "letter", "long", "ruled"],
)
def test_right_lines_on_other_paper_or_of_other_shapes_give_no_warning(lines, changed):
    assert [doubts(changed(line)) for line in lines] == [()] * len(lines)


@pytest.mark.parametrize("count", [6, 12, 25])
def test_a_page_of_lines_is_found(lines, count):
    page = page_of(lines[:count])
    (doubt,) = doubts(page)
    assert doubt.kind == DoubtKind.PAGE
    assert f"{page.shape[1]} x {page.shape[0]} px" in doubt.message
    rows, _ = text_rows(page)
    assert rows == pytest.approx(count, rel=0.35)


def test_a_page_may_have_few_lines_and_be_inverted_as_well(lines):
    page = np.pad(page_of(lines[:2]), ((500, 500), (60, 60)), constant_values=1)
    assert kinds(page) == ["page"]
    assert kinds(1 - page) == ["inverted", "page"]


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("noise", [0.0, 0.004, 0.1])
def test_paper_without_writing_is_neither(level, noise):
    paper = np.clip(level + RNG.normal(0, noise, (1200, 900)), 0, 1).astype(np.float32)
    assert text_rows(paper)[0] == 0
    assert not is_inverted(paper) or level == 0.0


def test_one_letter_is_a_line():
    image = Image.new("L", (30, 90), 235)
    ImageDraw.Draw(image).line([(15, 12), (14, 78)], fill=40, width=7)
    assert doubts(np.asarray(image, np.float32) / 255) == ()


def test_a_short_word_between_wide_margins_is_a_line(lines):
    word = lines[0][20:44, :90]
    paper = float(np.median(lines[0]))
    assert doubts(np.pad(word, ((50, 50), (10, 10)), constant_values=paper)) == ()


def test_two_lines_that_are_read_badly_are_found(lines):
    two = page_of(lines[:2])
    assert text_rows(two)[0] >= 1.5
    assert kinds(two, confidence=SEVERAL_CONFIDENCE - 0.01) == ["several-lines"]
    # A crop that shows parts of the next line is read well.
    assert kinds(two, confidence=SEVERAL_CONFIDENCE + 0.1) == []


def test_a_line_is_read_upside_down_only_where_it_is_read_badly(lines):
    asked = []

    def turned():
        asked.append(1)
        return 0.9

    assert kinds(lines[0], confidence=TURNED_CONFIDENCE, turned=turned) == []
    assert not asked
    assert kinds(lines[0], confidence=TURNED_CONFIDENCE - 0.01, turned=turned) == ["upside-down"]
    assert asked == [1]


@pytest.mark.parametrize("other", [None, 0.0, 0.7 + TURNED_SURER])
def test_a_line_that_is_no_surer_upside_down_is_not_said_to_be(lines, other):
    assert kinds(lines[0], confidence=0.7, turned=lambda: other) == []


def test_an_unsure_line_is_doubted_for_that_where_nothing_else_says_why(lines):
    line = lines[0]
    assert kinds(line, confidence=UNSURE, turned=lambda: None) == []
    assert kinds(line, confidence=UNSURE - 0.01, turned=lambda: None) == ["unsure"]
    assert kinds(line, confidence=UNSURE - 0.01, turned=lambda: None, least=0.3) == []
    assert kinds(line, confidence=UNSURE - 0.01, turned=lambda: 0.9) == ["upside-down"]
    assert kinds(1 - line, confidence=UNSURE - 0.01) == ["inverted"]


@pytest.mark.parametrize(("height", "said"), [(LOW * 48 - 1, 1), (LOW * 48, 0), (HIGH * 48, 0), (HIGH * 48 + 1, 1)])
def test_a_height_far_from_the_networks_is_named(height, said):
    found = doubts(np.full((int(height), 400), 0.9, np.float32))
    assert [doubt.kind for doubt in found] == ["height"] * said
    assert all(f"{height:.0f} px high" in doubt.message for doubt in found)


def test_nothing_read_is_nothing_doubted():
    assert kinds(np.full((64, 400), 0.9, np.float32), confidence=None) == []
