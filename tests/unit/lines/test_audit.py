"""Every unusable line is reported with its id; it is refused, or left out by an explicit option."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from inkport.core.errors import LineDataError
from inkport.core.preprocess import prepare
from inkport.lines.audit import Problem, audit_lines
from inkport.lines.line import Line


def png(width=96, height=48):
    buffer = io.BytesIO()
    Image.new("L", (width, height), 200).save(buffer, "PNG")
    return buffer.getvalue()


# 96 columns at stride 4 are 24 frames: "abcde" four times is 20 labels, "a" 13 times needs 25 frames.
GOOD = Line(id="good", image=png(), text="abcde" * 4)
BAD = {
    Problem.BAD_IMAGE: Line(id="cut", image=png()[:60], text="a"),
    Problem.EMPTY_TEXT: Line(id="empty", image=png(), text=" \n"),
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
        "1 usable lines, 5 unusable (1 bad-image, 2 empty-text, 1 too-few-frames, 1 unknown-symbol)"
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
    assert details["empty"] == "the transcription is empty"
