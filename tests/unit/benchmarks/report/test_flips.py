from __future__ import annotations

import re
from dataclasses import replace

import pytest

from inkport.benchmarks.measure.edits import Change, Effect
from inkport.benchmarks.report.flips import INSIDE, PART_BYTES, Picture, flip_evidence
from inkport.benchmarks.run.record import Proof


PICTURE = Picture(uri="data:image/webp;base64,AA", aspect=4.0)


def change(old, new, effect, frame, gap=0.5):
    return Change(
        reference=old,
        target=new,
        effect=effect,
        first_frame=frame,
        last_frame=frame,
        gap_reference=gap,
        gap=0.1,
    )


@pytest.fixture
def evidence(report):
    """Render flips of the second target, and of others that read the same."""

    def render(*flips, also=(), picture=PICTURE):
        first = report.targets[1]
        parity = replace(first.parity, flips=flips)
        first = first.having(replace(first.section(Proof), parity=parity))
        targets = [first, *(replace(first, name=name) for name in also)]
        return flip_evidence(replace(report, targets=tuple(targets)), {flip.id: picture for flip in flips})

    return render


@pytest.fixture
def section(evidence):
    return lambda *flips, also=(): evidence(*flips, also=also).markup


@pytest.fixture
def flip(report):
    def make(name, text, old, new, *changes):
        first = report.targets[1].parity.flips[0]
        return replace(first, id=name, text=text, reading_reference=old, reading=new, changes=changes)

    return make


def rows(html):
    found = re.findall(r'<tr><th scope="row">(.*?)</th><td class="read" lang="">(.*?)</td>', html)
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


def test_each_change_is_told_with_effect_frame_and_gap(section, flip):
    html = section(flip("l", "ab", "ab", "xb", change("a", "x", Effect.HARMFUL, 3, 0.25)))
    words = re.sub(r"<[^>]+>", "", html)
    assert "\u2018a\u2019 to \u2018x\u2019 (harmful, frame 3, gap 0.250)" in words
    (box,) = re.findall(r'<i class="harmful" style="left:([\d.]+)%;width:([\d.]+)%" title="([^"]*)"', html)
    # A frame is 4 of 48 pixels wide, the image four times as wide as high.
    assert float(box[0]) == pytest.approx(100 * 3 * 4 / 48 / 4, abs=0.01)
    assert float(box[1]) == pytest.approx(100 * 4 / 48 / 4, abs=0.01)
    assert box[2] == "\u2018a\u2019 to \u2018x\u2019"


def test_targets_that_read_the_same_share_a_row_and_the_image(section, flip):
    html = section(flip("l", "ab", "ab", "xb", change("a", "x", Effect.HARMFUL, 3)), also=["twin"])
    assert list(rows(html)) == ["text", "reference", "bad port, twin"]
    assert 'class="flip t0 t1 e-harmful"' in html
    assert html.count("<img ") == 1


def test_the_image_is_told_in_words(section, flip):
    html = section(flip('l"', "a <b>", "ab", "xb", change("a", "x", Effect.HARMFUL, 3)))
    assert '<img alt="Line l&quot;: a &lt;b&gt;" ' in html


def test_most_harmful_lines_come_first_of_equals_the_sure_ones_and_all_are_closed(section, flip):
    order = [
        ("mended", [Effect.REPAIRED], 9.0),
        ("close", [Effect.HARMFUL], 0.01),
        ("sure", [Effect.HARMFUL], 3.0),
        ("worst", [Effect.HARMFUL, Effect.HARMFUL], 0.02),
    ]
    html = section(
        *(flip(name, "ab", "ab", "xy", *(change("a", "x", e, 1, m) for e in effects)) for name, effects, m in order)
    )
    assert re.findall(r"<summary>(\w+)", html) == ["worst", "sure", "close", "mended"]
    assert not re.search(r"<details[^>]* open", html)


def test_lines_beyond_what_a_page_should_hold_go_into_parts(evidence, flip):
    flips = [flip(f"{n:04}", "ab", "ab", "xb", change("a", "x", Effect.HARMFUL, 1)) for n in range(2 * INSIDE + 5)]
    found = evidence(*flips)
    parts = [found.markup, *found.rest]
    assert [part.count("<details") for part in parts] == [INSIDE, INSIDE, 5]
    assert [name for part in parts for name in re.findall(r"<summary>(\w+)", part)] == [f.id for f in flips]
    # Each part can be filtered by itself.
    assert all('id="f-e-harmful"' in part for part in parts)
    large = evidence(*flips[:INSIDE], picture=replace(PICTURE, uri=PICTURE.uri + "A" * 20_000))
    assert 1 < len([large.markup, *large.rest]) < 4
    assert all(len(part) < PART_BYTES + 10_000 for part in [large.markup, *large.rest])


def test_every_choice_has_a_rule(section, flip):
    html = section(flip("l", "ab", "ab", "xb", change("a", "x", Effect.HARMFUL, 3)), also=["twin"])
    ids = set(re.findall(r'id="f-([\w-]+)"', html))
    rules = set(re.findall(r"#f-([\w-]+):checked", html))
    assert ids - rules == {"e-all", "t-all"}
    assert rules == {"e-harmful", "e-harmless", "e-repaired", "t0", "t1"}
