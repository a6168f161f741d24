from __future__ import annotations

import re
from dataclasses import replace

import pytest

from inkport.benchmarks.measure.changes import Change, Effect
from inkport.benchmarks.report.flips import OPEN, flip_section
from inkport.benchmarks.report.pictures import Picture
from inkport.benchmarks.run.record import Proof


PICTURE = Picture(uri="data:image/webp;base64,AA", aspect=4.0)


def change(old, new, effect, frame, margin=0.5):
    return Change(
        reference=old,
        target=new,
        effect=effect,
        first_frame=frame,
        last_frame=frame,
        margin_reference=margin,
        margin=0.1,
    )


@pytest.fixture
def section(report):
    """Render flips of the second target, and of others that read the same."""

    def render(*flips, also=()):
        first = report.targets[1]
        parity = replace(first.parity, flips=flips)
        first = first.having(replace(first.section(Proof), parity=parity))
        targets = [first, *(replace(first, name=name) for name in also)]
        return flip_section(replace(report, targets=tuple(targets)), {flip.id: PICTURE for flip in flips})

    return render


@pytest.fixture
def flip(report):
    def make(name, text, old, new, *changes):
        first = report.targets[1].parity.flips[0]
        return replace(first, id=name, text=text, reading_reference=old, reading=new, changes=changes)

    return make


def rows(html):
    found = re.findall(r'<tr><th>(.*?)</th><td class="read">(.*?)</td>', html)
    return {name: re.sub(r"<[^>]+>", "", cells) for name, cells in found}


def test_text_and_readings_stand_column_by_column(section, flip):
    html = section(
        flip("l", "a cat", "a cot", "a  coat", change("", " ", Effect.HARMFUL, 1), change("", "a", Effect.REPAIRED, 3))
    )
    found = rows(html)
    assert {len(cells) for cells in found.values()} == {7}
    assert found["text"].replace("·", "") == "a cat"
    assert found["reference"].replace("·", "") == "a cot"
    assert "a" in re.findall(r'<mark class="repaired">(.*?)</mark>', html)
    assert "\N{OPEN BOX}" in "".join(re.findall(r'<mark class="harmful">(.*?)</mark>', html))
    assert '<u class="error">o</u>' in html


def test_each_change_is_told_with_effect_frame_and_margin(section, flip):
    html = section(flip("l", "ab", "ab", "xb", change("a", "x", Effect.HARMFUL, 3, 0.25)))
    words = re.sub(r"<[^>]+>", "", html)
    assert "\u2018a\u2019 to \u2018x\u2019 (harmful, frame 3, margin 0.250)" in words
    (box,) = re.findall(r'<i class="harmful" style="left:([\d.]+)%;width:([\d.]+)%" title="([^"]*)"', html)
    # A frame is 4 of 48 pixels wide, the image four times as wide as high.
    assert float(box[0]) == pytest.approx(100 * 3 * 4 / 48 / 4, abs=0.01)
    assert float(box[1]) == pytest.approx(100 * 4 / 48 / 4, abs=0.01)
    assert box[2] == "bad port: \u2018a\u2019 to \u2018x\u2019"


def test_targets_that_read_the_same_share_a_row(section, flip):
    html = section(flip("l", "ab", "ab", "xb", change("a", "x", Effect.HARMFUL, 3)), also=["twin"])
    assert list(rows(html)) == ["text", "reference", "bad port, twin"]
    assert 'class="flip t0 t1 e-harmful"' in html


def test_harmful_and_sure_lines_come_first_and_the_many_are_folded(section, flip):
    order = [("mended", Effect.REPAIRED, 9.0), ("close", Effect.HARMFUL, 0.01), ("sure", Effect.HARMFUL, 3.0)]
    html = section(*(flip(name, "ab", "ab", "xb", change("a", "x", effect, 1, m)) for name, effect, m in order))
    assert re.findall(r"<summary>(\w+)", html) == ["sure", "close", "mended"]
    many = section(*(flip(str(n), "ab", "ab", "xb", change("a", "x", Effect.HARMFUL, 1)) for n in range(OPEN + 5)))
    assert (many.count("<details"), many.count(" open>")) == (OPEN + 5, OPEN)


def test_every_choice_has_a_rule(section, flip):
    html = section(flip("l", "ab", "ab", "xb", change("a", "x", Effect.HARMFUL, 3)), also=["twin"])
    ids = set(re.findall(r'id="f-([\w-]+)"', html))
    rules = set(re.findall(r"#f-([\w-]+):checked", html))
    assert ids - rules == {"e-all", "t-all"}
    assert rules == {"e-harmful", "e-harmless", "e-repaired", "t0", "t1"}


@pytest.mark.slow
def test_a_page_of_six_hundred_flips_stays_small(section, flip):
    line = "the quick brown fox jumps over the lazy dog and back"
    flips = [
        flip(f"set-{n:06}", line, line, line.replace("fox", "fix"), change("o", "i", Effect.HARMFUL, 40))
        for n in range(600)
    ]
    # Without the images, which tests of pictures weigh.
    assert len(section(*flips)) < 600 * 1500
