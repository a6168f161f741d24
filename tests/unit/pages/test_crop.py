"""The strip of a line: its definition, value by value, and what it means on the page."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from inkport.core.errors import ImageError
from inkport.pages.crop import Margins, Strip, crop, frame_of
from inkport.pages.page import Line
from inkport.pages.strips import strip_of


GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "crop-along-v1.json").read_text(encoding="utf-8"))


def page_of(width: int, height: int) -> np.ndarray:
    """The page of the golden vectors: its pixels are a formula of their places."""
    y, x = np.mgrid[:height, :width]
    return ((x * x * 3 + y * 29 + x * y * 7 + (x // 9) * 53) & 255).astype(np.uint8)


def by_definition(gray, baseline, above, below, margins=(0, 0, 0)):
    """The definition in the docstring of ``inkport.pages.crop``, one pixel after the other, in Python's integers."""
    units = lambda value: math.floor(64 * value + 0.5)  # noqa: E731
    height = above + below
    points = [(units(x), units(y)) for x, y in baseline]
    x0, y0 = points[0]
    dx, dy = points[-1][0] - x0, points[-1][1] - y0
    length = math.isqrt(dx * dx + dy * dy)
    ux, uy = (2**21 * dx + length) // (2 * length), (2**21 * dy + length) // (2 * length)
    knots = []
    for x, y in points:
        a = ((x - x0) * ux + (y - y0) * uy) >> 20
        if not knots or a > max(known for known, _ in knots):
            knots.append((a, ((x - x0) * -uy + (y - y0) * ux) >> 20))
    top, bottom = units(above + margins[0] * height), units(below + margins[1] * height)
    ends = units(margins[2] * height)

    def offset(s):
        s = min(max(s, knots[0][0]), knots[-1][0])
        for (a, o), (b, p) in itertools.pairwise(knots):
            if a <= s < b or (s == b and b == knots[-1][0]):
                return o + (p - o) * (s - a) // (b - a)
        raise AssertionError

    rows, columns = gray.shape
    pixel = lambda x, y: int(gray[min(max(y, 0), rows - 1), min(max(x, 0), columns - 1)])  # noqa: E731
    out = []
    for i in range(max((top + bottom + 32) >> 6, 1)):
        row = []
        for j in range(max((length + 2 * ends + 32) >> 6, 1)):
            s, t = 64 * j + 32 - ends, 64 * i + 32 - top
            o = offset(s)
            x = ((2**20 * x0 + s * ux - o * uy - 2**25) >> 18) + ((-t * uy) >> 18)
            y = ((2**20 * y0 + s * uy + o * ux - 2**25) >> 18) + ((t * ux) >> 18)
            f, g, x, y = x & 255, y & 255, x >> 8, y >> 8
            upper = pixel(x, y) * (256 - f) + pixel(x + 1, y) * f
            lower = pixel(x, y + 1) * (256 - f) + pixel(x + 1, y + 1) * f
            row.append((upper * (256 - g) + lower * g + 2**15) >> 16)
        out.append(row)
    return np.array(out, np.uint8)


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_golden_vectors(case):
    found = crop(
        page_of(*case["page"]),
        Strip(baseline=tuple(map(tuple, case["baseline"])), above=case["above"], below=case["below"]),
        Margins(**case["margins"]),
    )
    assert [found.shape[1], found.shape[0]] == case["size"]
    assert hashlib.sha256(found.tobytes()).hexdigest() == case["sha256"]
    if "pixels" in case:
        assert found.tolist() == case["pixels"]


COORDINATES = st.floats(-20, 90, allow_subnormal=False)
SHARES = st.floats(-0.2, 0.5, allow_subnormal=False)


@given(
    baseline=st.lists(st.tuples(COORDINATES, COORDINATES), min_size=2, max_size=5),
    above=st.floats(0.5, 12),
    below=st.floats(0.5, 8),
    margins=st.tuples(SHARES, SHARES, SHARES),
)
@settings(max_examples=60)
def test_every_value_is_as_defined(baseline, above, below, margins):
    gray = page_of(70, 60)
    strip = Strip(baseline=tuple(baseline), above=above, below=below)
    assume(math.dist(baseline[0], baseline[-1]) > 1.1)
    found = crop(gray, strip, Margins(above=margins[0], below=margins[1], ends=margins[2]))
    assert (found == by_definition(gray, baseline, above, below, margins)).all()


def test_a_level_line_is_the_page_itself():
    gray = page_of(200, 100)
    strip = Strip(baseline=((20, 50), (100, 50), (170, 50)), above=30, below=10)
    assert (crop(gray, strip) == gray[20:60, 20:170]).all()
    wider = crop(gray, strip, Margins(above=0.25, below=0.1, ends=0.5))
    assert (wider == gray[10:64, 0:190]).all()


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_line_is_the_page_turned_back(quarters):
    gray = page_of(200, 100)
    expected = gray[20:60, 20:170]
    turned = np.ascontiguousarray(np.rot90(gray, quarters))
    # Places turn with their page, about its corner.
    begin, end = (20, 50), (170, 50)
    width, height = 200, 100
    for _ in range(quarters):
        begin, end = ((y, width - x) for x, y in (begin, end))
        width, height = height, width
    found = crop(turned, Strip(baseline=(begin, end), above=30, below=10))
    assert (found == expected).all()


def test_a_bent_baseline_becomes_straight():
    """A dark curve along the baseline is one dark row of the strip."""
    gray = np.full((120, 400), 255, np.uint8)
    baseline = tuple((x, 60.5 + 20 * math.sin(x / 60)) for x in range(20, 381, 4))
    for x in range(400):
        gray[round(60 + 20 * math.sin((x + 0.5) / 60)), x] = 0
    strip = crop(gray, Strip(baseline=baseline, above=15, below=15)).astype(int)
    dark = (255 - strip).sum(axis=1)
    assert dark[13:17].sum() > 0.97 * dark.sum()


def test_the_page_goes_on_beyond_its_sides():
    gray = page_of(50, 40)
    found = crop(gray, Strip(baseline=((-10, 5), (60, 5)), above=10, below=5))
    assert (found == np.pad(gray, 10, mode="edge")[5:20, 0:70]).all()


def test_a_baseline_that_goes_back_is_followed_forwards():
    gray = page_of(100, 60)
    there = ((10, 30), (50, 34), (90, 30))
    back = ((10, 30), (50, 34), (30, 10), (90, 30))
    assert (
        crop(gray, Strip(baseline=there, above=10, below=5)) == crop(gray, Strip(baseline=back, above=10, below=5))
    ).all()


@pytest.mark.parametrize(
    ("baseline", "height"),
    [
        (((1, 1),), 10),
        (((1, 1), (1.5, 1)), 10),
        (((1, 1), (float("nan"), 1)), 10),
        (((1, 1), (float("inf"), 1)), 10),
        (((1, 1), (1e9, 1)), 10),
        (((0, 0), (30_000, 0)), 2_000),
    ],
)
def test_what_is_no_line_is_refused(baseline, height):
    with pytest.raises(ImageError):
        crop(page_of(50, 40), Strip(baseline=baseline, above=height, below=1))


def test_places_of_a_strip_are_on_the_page():
    frame = frame_of(Strip(baseline=((10, 40), (40, 80)), above=10, below=5), Margins(ends=0.2))
    # The direction is (0.6, 0.8), across is (-0.8, 0.6); the strip begins 3 px before the baseline.
    for x, y in ((0, 0), (3, 10), (53, 10), (20, 15)):
        s, v = x - 3, y - 10
        assert frame.place(x, y) == pytest.approx((10 + 0.6 * s - 0.8 * v, 40 + 0.8 * s + 0.6 * v), abs=0.05)


def test_heights_are_those_of_the_outline():
    line = Line(id="l", baseline=((10, 50), (110, 50)), polygon=((10, 30), (60, 22), (110, 30), (110, 60), (10, 58)))
    strip = strip_of(line)
    assert (strip.above, strip.below) == pytest.approx((28, 10), abs=0.01)
    # Along the baseline, whatever way the page lies.
    turned = Line(id="l", baseline=((50, 110), (50, 10)), polygon=tuple((y, 120 - x) for x, y in line.polygon))
    assert (strip_of(turned).above, strip_of(turned).below) == pytest.approx((28, 10), abs=0.01)


def test_a_line_of_which_less_is_known_has_a_strip_too():
    outline = strip_of(Line(id="l", polygon=((10, 20), (110, 20), (110, 60), (10, 60))))
    assert (outline.baseline, outline.above, outline.below) == (((10, 50), (110, 50)), 30, 10)
    alone = strip_of(Line(id="l", baseline=((10, 50), (1010, 50))))
    assert (alone.above, alone.below) == (30, 15)
    with pytest.raises(ImageError, match="without a place"):
        strip_of(Line(id="l"))
