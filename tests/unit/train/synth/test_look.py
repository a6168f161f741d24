from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont, features

from inkport.core.errors import UsageError
from inkport.train.synth.fonts import EM_PX, load_font
from inkport.train.synth.line import HEIGHT, MISHAPS, Stroke, render_line, write
from inkport.train.synth.look import FACTORS, Hand, Look
from inkport.train.synth.paper import Paper, scan


TEXT = "Hj gly {Qd} 42, (fp)"
GENERATOR = [7, 1, 2]


@pytest.fixture
def font(fonts_folder):
    return load_font(fonts_folder / "plain.ttf")


def rendered(font, look, text=TEXT):
    return render_line(text, font, np.random.default_rng(GENERATOR), look)


def test_every_share_has_a_mishap():
    assert set(Look().shares()) == set(MISHAPS)


def test_mishaps_take_no_random_number_from_hand_ink_and_paper(font, monkeypatch):
    """So a line of a set that was made before there were any is still drawn as it was."""
    rng = np.random.default_rng(GENERATOR)
    hand, paper = Hand.draw(rng), Paper.draw(rng)
    expected = np.asarray(write(TEXT, font, hand, rng).coverage)
    seen = {}

    def watched_write(*arguments, **more):
        seen["ink"] = write(*arguments, **more)
        return seen["ink"]

    def watched_scan(coverage, baseline, paper, rng):
        seen["paper"] = paper
        return scan(coverage, baseline, paper, rng)

    monkeypatch.setattr("inkport.train.synth.line.write", watched_write)
    monkeypatch.setattr("inkport.train.synth.line.scan", watched_scan)
    rendered(font, replace(Look.plain(), crop=1.0, pressure=1.0, jpeg=1.0))
    assert seen["paper"] == paper
    np.testing.assert_array_equal(np.asarray(seen["ink"].coverage), expected)


@pytest.mark.parametrize("name", [name for name in MISHAPS if name != "shaping"])
def test_each_mishap_alone_changes_a_line_and_its_size_stays_that_of_a_line(name, font):
    plain = rendered(font, Look.plain())
    found = rendered(font, replace(Look.plain(), **{name: 1.0}))
    np.testing.assert_array_equal(found, rendered(font, replace(Look.plain(), **{name: 1.0})))
    assert (found.dtype, found.shape[0]) == (np.uint8, HEIGHT)
    assert found.shape != plain.shape or (found != plain).any()


def test_a_share_is_how_often(font):
    plain = [render_line("aha", font, np.random.default_rng(seed)) for seed in range(60)]
    look = replace(Look.plain(), jpeg=0.3)
    found = [render_line("aha", font, np.random.default_rng(seed), look) for seed in range(60)]
    assert 6 <= sum((a != b).any() for a, b in zip(plain, found, strict=True)) <= 32


def test_a_mishap_that_does_not_befall_a_line_leaves_no_trace(font):
    """Other streams than its own are as they were: the bytes with stains are those with stains alone."""
    stained = replace(Look.plain(), stains=1.0)
    np.testing.assert_array_equal(rendered(font, stained), rendered(font, replace(stained, dry=1e-12, crop=1e-12)))


def test_neighbours_reach_in_from_the_edges_and_nowhere_else(font):
    """The middle rows keep what they were; ink is only added."""
    changed = 0
    for seed in range(12):
        plain = render_line(TEXT, font, np.random.default_rng(seed)).astype(int)
        look = replace(Look.plain(), neighbours=1.0)
        found = render_line(TEXT, font, np.random.default_rng(seed), look).astype(int)
        np.testing.assert_array_equal(found[18:46], plain[18:46])
        assert (found - plain).max() <= 1
        changed += (plain - found).max() > 60
    assert changed >= 8


def test_a_crossed_out_word_is_no_part_of_the_text_but_needs_room(font):
    crossed = replace(Look.plain(), crossing=1.0)
    wider = [
        render_line(TEXT, font, np.random.default_rng(seed), crossed).shape[1]
        - render_line(TEXT, font, np.random.default_rng(seed)).shape[1]
        for seed in range(12)
    ]
    assert np.mean(wider) > 20


def test_a_bad_crop_loses_at_most_the_edges_of_the_ink(font, monkeypatch):
    monkeypatch.setattr("inkport.train.synth.line.scan", lambda coverage, *_: coverage)
    for seed in range(20):
        plain = render_line(TEXT, font, np.random.default_rng(seed))
        found = render_line(TEXT, font, np.random.default_rng(seed), replace(Look.plain(), crop=1.0))
        # Of full letters of 60 px, 3 px at top and bottom are at most a tenth; scale differs, so compare with that.
        zoom = (found.max(axis=0) > 0.3).sum() / (plain.max(axis=0) > 0.3).sum()
        assert found.sum() > 0.8 * plain.sum() * zoom**2
        assert found[:, 0].max() == found[:, -1].max() == 0


def test_an_underline_lies_under_its_words_alone(font):
    hand = Hand(
        slant=0, stretch=1, letter_gap_em=0, letter_jitter_em=0, word_gap=1, slope=0, drift_em=0, swell=0, wobble_em=0,
        stroke_px=2,
    )  # fmt: skip
    plain = write("aaa bbb ccc", font, hand, np.random.default_rng(1))
    stroke = Stroke(word=1, rise_em=-0.15, wave_em=0, phase=0)
    lined = write("aaa bbb ccc", font, hand, np.random.default_rng(1), strokes=[stroke])
    row = np.asarray(lined.coverage)[lined.baseline + round(0.15 * EM_PX)]
    columns = np.flatnonzero(row > 128) - lined.coverage.getbbox()[0]
    start = font.face.getlength("aaa ") - font.face.getbbox("a", anchor="ls")[0]
    assert columns.min() == pytest.approx(start, abs=3)
    assert columns.max() == pytest.approx(start + font.face.getlength("bbb"), abs=3)
    assert np.asarray(plain.coverage)[plain.baseline + 8 :].max() == 0


def test_factors_of_zero_are_a_still_hand_on_blank_paper(rng):
    look = Look(**dict.fromkeys(FACTORS, 0.0))
    hand, paper = look.on_hand(Hand.draw(rng)), look.on_paper(Paper.draw(rng))
    moving = ("slant", "letter_gap_em", "letter_jitter_em", "slope", "drift_em", "swell", "wobble_em")
    assert [getattr(hand, name) for name in moving] == [0] * len(moving)
    marks = ("flow", "shade", "texture", "ruling", "noise", "blur_px")
    assert [getattr(paper, name) for name in marks] == [0] * len(marks)


def test_without_blur_the_edges_stay_sharp(font):
    clean = replace(Look.plain(), noise=0.0, texture=0.0, ruling=0.0, shade=0.0, flow=0.0)
    sharp, soft = (np.diff(rendered(font, replace(clean, blur=blur)).astype(int)) for blur in (0.0, 3.0))
    assert np.abs(sharp).max() > 1.5 * np.abs(soft).max()


@pytest.mark.parametrize("wrong", [{"jpeg": 1.1}, {"jpeg": -0.1}, {"slant": 3.1}, {"blur": float("nan")}])
def test_impossible_looks(wrong):
    with pytest.raises(UsageError, match="must be within"):
        Look(**wrong)


@pytest.fixture
def joined(fonts_folder, tmp_path):
    """A font whose ``f`` and ``i`` join: HarfBuzz draws one tall box for both."""
    pytest.importorskip("fontTools")
    if not features.check("raqm"):
        pytest.skip("this Pillow has no libraqm")
    from fontTools.feaLib.builder import addOpenTypeFeaturesFromString
    from fontTools.ttLib import TTFont

    font = TTFont(fonts_folder / "box.ttf")
    addOpenTypeFeaturesFromString(font, f"feature liga {{ sub g{ord('f')} g{ord('i')} by acute; }} liga;")
    font.save(tmp_path / "joined.ttf")
    return load_font(tmp_path / "joined.ttf")


def test_words_are_shaped_only_when_asked_and_are_what_pillow_draws(joined, rng):
    still = replace(
        Hand.draw(rng), slant=0, letter_gap_em=0, letter_jitter_em=0, word_gap=1, slope=0, drift_em=0, swell=0,
        wobble_em=0,
    )  # fmt: skip
    shaped = write("fi fi", joined, still, rng, shaped=True).coverage
    single = write("fi fi", joined, still, rng).coverage
    face = ImageFont.truetype(joined.face.path, EM_PX, layout_engine=ImageFont.Layout.RAQM)
    expected = Image.new("L", shaped.size)
    ImageDraw.Draw(expected).text((20, 90), "fi", 255, face, anchor="ls")
    assert shaped.getbbox()[3] - shaped.getbbox()[1] == pytest.approx(0.6 * EM_PX, abs=1)
    assert single.getbbox()[3] - single.getbbox()[1] == pytest.approx(0.5 * EM_PX, abs=1)
    first = shaped.crop(shaped.getbbox()).crop((0, 0, *expected.crop(expected.getbbox()).size))
    np.testing.assert_array_equal(first, expected.crop(expected.getbbox()))


def test_a_font_without_layout_tables_is_drawn_letter_by_letter(fonts_folder):
    font = load_font(fonts_folder / "box.ttf")
    assert font.shaped is None
    np.testing.assert_array_equal(
        rendered(font, replace(Look.plain(), shaping=1.0), "fi fi"), rendered(font, None, "fi fi")
    )
