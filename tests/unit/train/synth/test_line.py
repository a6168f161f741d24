from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from inkport.train.synth import line as line_module
from inkport.train.synth.fonts import load_font
from inkport.train.synth.line import HEIGHT, render_line, thicken, write
from inkport.train.synth.look import Hand
from inkport.train.synth.paper import Paper, clouds, scan


TEXT = "Hj gly {Qd} 42, (fp)"
STILL = Hand(
    slant=0,
    stretch=1,
    letter_gap_em=0,
    letter_jitter_em=0,
    word_gap=1,
    slope=0,
    drift_em=0,
    swell=0,
    wobble_em=0,
    stroke_px=2,
)
BLANK = Paper(white=1, contrast=1, flow=0, shade=0, texture=0, blotch_px=8, ruling=0, grid=False, blur_px=0.2, noise=0)


@pytest.fixture
def font(fonts_folder):
    return load_font(fonts_folder / "plain.ttf")


def ink_on_border(pixels):
    return max(pixels[0].max(), pixels[-1].max(), pixels[:, 0].max(), pixels[:, -1].max())


def test_equal_generators_give_equal_images(font):
    first, again, other = (render_line(TEXT, font, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert first.shape != other.shape or (first != other).any()


def test_images_are_what_a_crop_of_a_line_is(font):
    for seed in range(40):
        image = render_line(TEXT, font, np.random.default_rng(seed))
        assert image.dtype == np.uint8
        assert image.shape[0] == HEIGHT
        assert 8 < image.shape[1] / len(TEXT) < 60
        paper, ink = np.percentile(image, 75), np.percentile(image, 0.5)
        assert paper > 150
        assert paper - ink > 40


@pytest.mark.parametrize(
    "extreme",
    [{}, {"slant": 0.4}, {"slant": -0.25}, {"swell": 0.12, "wobble_em": 0.014}, {"drift_em": 0.06, "slope": 0.02}],
)
def test_no_ink_is_cut_off(extreme, font, rng, monkeypatch):
    hand = replace(STILL, **extreme, letter_jitter_em=0.014, stroke_px=3.6)
    monkeypatch.setattr(line_module, "scan", lambda coverage, *_: coverage)
    monkeypatch.setattr(line_module.Hand, "draw", lambda _: hand)
    for _ in range(10):
        coverage = np.asarray(write(TEXT, font, hand, rng).coverage)
        assert coverage.max() == 255
        assert ink_on_border(coverage) == 0
        cropped = render_line(TEXT, font, rng)
        assert cropped.max() > 0.9
        assert ink_on_border(cropped) == 0


def test_a_still_hand_writes_what_pillow_draws(font, rng):
    """Letter by letter on a straight line is the whole text at once."""
    found = write("plainly", font, STILL, rng).coverage
    expected = Image.new("L", found.size)
    ImageDraw.Draw(expected).text((20, 70), "plainly", 255, font.face, anchor="ls")
    assert found.getbbox()
    np.testing.assert_array_equal(found.crop(found.getbbox()), expected.crop(expected.getbbox()))


def test_a_slanted_hand_leans_right(font, rng):
    def lean(slant):
        coverage = np.asarray(write("llll", font, replace(STILL, slant=slant), rng).coverage, float)
        rows, columns = np.nonzero(coverage > 128)
        return np.polyfit(-rows, columns, 1)[0]

    assert lean(0.3) == pytest.approx(0.3, abs=0.05)
    assert lean(-0.2) == pytest.approx(-0.2, abs=0.05)


@pytest.mark.parametrize("growth", [-0.3, 0, 0.5, 1, 3])
def test_strokes_grow_by_what_is_asked(growth):
    bar = np.zeros((60, 60), np.uint8)
    bar[28:32, 15:45] = 255
    column = np.asarray(thicken(Image.fromarray(bar), growth))[:, 30] / 255
    assert column.sum() == pytest.approx(4 + 2 * growth, abs=0.6)
    assert column.max() > 0.9


def test_a_hairline_is_never_thinned_away():
    bar = np.zeros((60, 60), np.uint8)
    bar[30, 15:45] = 255
    assert np.asarray(thicken(Image.fromarray(bar), -5)).max() > 60


def test_a_narrow_crop_leaves_room_for_letters_that_are_not_there(font):
    """ "aaa" is not blown up until its x-height fills the image."""
    rows = []
    for seed in range(20):
        image = render_line("aaaaaa", font, np.random.default_rng(seed)) / 255
        dark = image < (np.percentile(image, 75) + image.min()) / 2
        rows.append(dark.any(axis=1).sum())
    assert np.mean(rows) < 48


def test_scanning_blank_paper_keeps_the_ink_and_the_paper(rng):
    coverage = np.zeros((64, 100), np.float32)
    coverage[20:40, 30:50] = 1
    found = scan(coverage, 40, BLANK, rng)
    assert (found[:15] == 255).all()
    assert (found[24:36, 34:46] == 0).all()


def test_scanning_shades_and_rules(rng):
    shaded = scan(np.zeros((64, 200), np.float32), 40, replace(BLANK, white=0.8, shade=0.1), rng)
    assert shaded[:, -1].mean() - shaded[:, 0].mean() == pytest.approx(0.1 * 255, abs=2)
    ruled = scan(np.zeros((64, 200), np.float32), 40, replace(BLANK, ruling=0.2), rng)
    darkest = int(ruled.mean(axis=1).argmin())
    assert 36 <= darkest <= 46
    assert ruled[darkest].mean() < 230


def test_blotches_have_unit_deviation(rng):
    for cell in (3, 8, 40):
        assert 0.5 < clouds(rng, (64, 2000), cell=cell).std() < 1.6
