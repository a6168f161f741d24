from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from inkport.train.synth.paper import compress, lay, press, run_dry, shine_through, stain


@pytest.fixture
def bars():
    coverage = np.zeros((64, 400), np.float32)
    coverage[20:44, 20:380:12] = 1
    coverage[20:44, 21:380:12] = 1
    coverage[20:44, 22:380:12] = 1
    return coverage


def test_pressing_moves_edges_by_at_most_a_pixel(bars, rng):
    found = press(bars, rng)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(bars, 1), (3, 3))
    grown, shrunk = around.max(axis=(2, 3)), around.min(axis=(2, 3))
    assert (found <= grown + 1e-6).all()
    assert (found >= shrunk - 1e-6).all()
    widths, before = (image[32, 15:375].reshape(-1, 12).sum(axis=1) for image in (found, bars))
    assert found.max() <= 1
    assert found.min() >= 0
    assert before.std() == 0
    assert widths.max() > 3.1
    assert widths.min() < 2.95


def test_a_dry_pen_only_takes_ink_and_never_all_of_it(bars, rng):
    taken = 0.0
    for _ in range(5):
        found = run_dry(bars, rng)
        assert (found <= bars).all()
        assert found[bars == 1].min() >= 0.32
        taken = max(taken, 1 - found.sum() / bars.sum())
    assert taken > 0.01


def test_the_other_side_is_mirrored_and_faint(rng):
    verso = np.zeros((64, 300), np.float32)
    verso[10:54, 20:24] = 1
    verso[30:34, 20:200] = 1
    found = shine_through(np.zeros((64, 300), np.float32), verso, rng)
    assert 0.02 < found.max() <= 0.28
    columns = found.sum(axis=0)
    # The upright stood at the left end of the bar; from behind, it stands at the right.
    inked = np.flatnonzero(columns > columns.max() * 0.05)
    assert columns.argmax() > inked.mean()


def test_own_ink_is_not_touched_by_the_other_side(bars, rng):
    found = shine_through(bars, bars, rng)
    np.testing.assert_array_equal(found[bars == 1], 1)


@pytest.mark.parametrize(("top", "left"), [(0, 0), (-3, 2), (5, -4), (9, 9), (-20, 0), (0, 40), (2, -40)])
def test_laying_a_part_on_a_sheet(top, left):
    part = np.arange(1, 29, dtype=np.float32).reshape(4, 7)
    expected = np.zeros((10, 12), np.float32)
    for row in range(10):
        for column in range(12):
            if 0 <= row - top < 4 and 0 <= column - left < 7:
                expected[row, column] = part[row - top, column - left]
    np.testing.assert_array_equal(lay((10, 12), part, top, left), expected)


def test_stains_darken_a_part_of_the_paper(rng):
    darkened = []
    for _ in range(20):
        found = stain(np.full((64, 600), 250, np.uint8), rng)
        assert found.max() <= 250
        assert found.min() >= 250 * 0.75**3 - 1
        darkened.append((found < 248).mean())
    assert 0.005 < np.mean(darkened) < 0.5


def test_jpeg_is_pillows(rng):
    gray = np.random.default_rng(3).integers(0, 256, (64, 200), dtype=np.uint8)
    found = compress(gray, rng)
    candidates = []
    for quality in range(25, 91):
        file = io.BytesIO()
        Image.fromarray(gray).save(file, "JPEG", quality=quality)
        candidates.append(np.asarray(Image.open(file)))
    assert any((found == candidate).all() for candidate in candidates)
