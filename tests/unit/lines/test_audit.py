"""Every unusable line is reported with its id; it is refused, or left out by an explicit option."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from inkport.core.errors import LineDataError
from inkport.core.preprocess import prepare
from inkport.lines.audit import audit_lines, runs_right_to_left, sized_lines
from inkport.lines.line import Line
from inkport.lines.problem import Problem


def png(width=96, height=48):
    buffer = io.BytesIO()
    Image.new("L", (width, height), 200).save(buffer, "PNG")
    return buffer.getvalue()


# 96 columns at stride 4 are 24 frames: "abcde" four times is 20 labels, "a" 13 times needs 25 frames.
GOOD = Line(id="good", image=png(), text="abcde" * 4)
BAD = {
    Problem.BAD_IMAGE: Line(id="cut", image=png()[:60], text="a"),
    Problem.EMPTY_TEXT: Line(id="empty", image=png(), text=" \n"),
    Problem.RIGHT_TO_LEFT: Line(id="hebrew", image=png(), text="a שלום"),
    Problem.UNKNOWN_SYMBOL: Line(id="greek", image=png(), text="aω"),
    Problem.TOO_FEW_FRAMES: Line(id="dense", image=png(), text="a" * 13),
}


@pytest.fixture
def audit(toy_spec):
    def run(lines, **options):
        spec = {"charset": toy_spec.charset, "preprocess": toy_spec.preprocess, "stride": toy_spec.stride}
        return audit_lines(lines, **spec, **options)

    return run


def test_usable_lines_come_with_their_prepared_images(audit, toy_spec):
    found = audit([GOOD])
    assert (found.lines, found.findings) == ([GOOD], [])
    np.testing.assert_array_equal(found.inputs[0], prepare(GOOD.gray(), toy_spec.preprocess))
    assert found.summary() == "1 usable lines, 0 unusable"


def test_the_last_frame_may_be_needed(audit):
    assert audit([Line(id="tight", image=png(), text="ab" * 12)]).lines


@pytest.mark.parametrize("problem", Problem)
def test_each_problem_is_refused_with_the_id_unless_it_is_skipped(audit, problem):
    bad = BAD[problem]
    with pytest.raises(LineDataError, match=f"{bad.id}: {problem}: .*\nfix: .*--skip {problem}"):
        audit([GOOD, bad])
    found = audit([GOOD, bad], skip=[problem])
    assert found.lines == [GOOD]
    assert [(f.id, f.problem) for f in found.findings] == [(bad.id, problem)]


@pytest.mark.parametrize("size", [(7, 48), (48, 7), (20000, 48)])
def test_images_too_small_or_too_wide_are_bad_images(audit, size):
    found = audit([Line(id="x", image=png(*size), text="a")], skip=[Problem.BAD_IMAGE])
    assert [f.problem for f in found.findings] == [Problem.BAD_IMAGE]


def test_skipping_one_problem_does_not_skip_another(audit):
    with pytest.raises(LineDataError, match="1 unusable lines; 1 usable lines, 2 unusable") as caught:
        audit([GOOD, BAD[Problem.EMPTY_TEXT], BAD[Problem.BAD_IMAGE]], skip=[Problem.EMPTY_TEXT])
    assert "cut" in str(caught.value)
    assert "empty:" not in str(caught.value)


def test_the_summary_counts_each_problem(audit):
    lines = [GOOD, *BAD.values(), BAD[Problem.EMPTY_TEXT]]
    assert audit(lines, skip=list(Problem)).summary() == (
        "1 usable lines, 6 unusable (1 bad-image, 2 empty-text, 1 right-to-left, 1 too-few-frames, 1 unknown-symbol)"
    )


def test_only_the_first_ten_are_named_but_all_are_counted(audit):
    lines = [Line(id=f"e{i}", image=png(), text="") for i in range(12)]
    with pytest.raises(LineDataError, match=r"12 unusable lines(.|\n)*e9(.|\n)*and 2 more") as caught:
        audit(lines)
    assert "e10" not in str(caught.value)


def test_the_details_say_what_is_wrong(audit):
    details = {f.id: f.detail for f in audit(BAD.values(), skip=list(Problem)).findings}
    assert details["greek"] == "the charset lacks ['ω']"
    assert details["dense"] == "24 frames for a text that needs 25"
    assert details["hebrew"].startswith("'ש' (U+05E9) is written from right to left, frames run from left to right")
    assert details["empty"] == "the transcription is empty"


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("שלום עולם", "ש"),
        ("ܫܠܡܐ", "ܫ"),
        ("سلام", "س"),
        ("ދިވެހި", "ދ"),
        ("ߒߞߏ", "ߒ"),
        ("page 12 of דף, 1914", "ד"),
        ("abc\u202edef", "\u202e"),
        ("abc\u200fdef", "\u200f"),
        ("Ça coûte 12,50 € (env.) — voilà", ""),
        ("Việt Nam", ""),
        ("०१२ हिन्दी 日本 ١٢٣", ""),
    ],
)
def test_one_letter_from_right_to_left_is_enough(text, symbol):
    assert runs_right_to_left(text) == symbol


def test_a_text_from_right_to_left_is_refused_also_where_the_charset_has_its_letters(toy_spec):
    charset = type(toy_spec.charset).from_texts(["שלום abc"])
    with pytest.raises(LineDataError, match="1 right-to-left"):
        audit_lines([BAD[Problem.RIGHT_TO_LEFT]], charset=charset, preprocess=toy_spec.preprocess, stride=4)


def test_sizes_are_those_of_the_images_and_bad_ones_are_refused_unless_skipped():
    lines = [GOOD, BAD[Problem.BAD_IMAGE], BAD[Problem.EMPTY_TEXT]]
    findings = []
    found = list(sized_lines(lines, findings, skip=["bad-image"]))
    assert found == [(GOOD, (48, 96)), (BAD[Problem.EMPTY_TEXT], (48, 96))]
    assert [(f.id, f.problem) for f in findings] == [("cut", Problem.BAD_IMAGE)]
    with pytest.raises(LineDataError, match=r"1 unusable lines; 2 lines can be read:(.|\n)*cut: bad-image"):
        list(sized_lines(lines, []))
