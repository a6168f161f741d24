"""Texts of recognisers that decode by themselves: what breaks their contract, and how they cross to another process."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from inkport.benchmarks.measure.edits import find_changes
from inkport.core.charset import Charset
from inkport.core.ctc import Transcription
from inkport.core.errors import RuntimeExecutionError, SpecError, SpecMismatchError
from inkport.core.line_reading import confidence_of
from inkport.core.preprocess import PreprocessSpec, prepare
from inkport.core.preprocess_settings import Channels, Fit
from inkport.core.runtime import CheckedTexts
from inkport.core.spec import Axes, Decoder, NativeSpec, RecogniserSpec
from inkport.core.texts import ReadText, parse_texts, plain_texts, texts_fault, transcription


SPEC = RecogniserSpec(
    name="reader",
    version="1",
    preprocess=PreprocessSpec(fit=Fit.NONE),
    charset=Charset((), free=True),
    decoder=Decoder.TEXT,
)


RANGE = "expected a number within 0..1, or None"


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        ([ReadText("a"), ReadText("", 0.0)], None),
        ((ReadText("a", 1), ReadText("b", 0.5)), None),
        ([ReadText("a")], "drops the batch: 1 lines come back for 2"),
        ([ReadText("a")] * 3, "drops the batch: 3 lines come back for 2"),
        (np.zeros((2, 3)), "returns a ndarray, expected a list of texts"),
        ("ab", "returns a str, expected a list of texts"),
        (None, "returns a NoneType, expected a list of texts"),
        (["a", "b"], "returns a list of str, expected ReadText"),
        ([ReadText("a"), ReadText(None)], "returns a NoneType as a text"),
        ([ReadText("a"), ReadText("\ud800")], r"returns a text with half a surrogate pair, '\ud800'"),
        ([ReadText("a", -0.1), ReadText("b")], f"returns a confidence of -0.1, {RANGE}"),
        (
            [ReadText("a", math.nan), ReadText("b")],
            f"returns a confidence of nan, {RANGE}",
        ),
        ([ReadText("a", True), ReadText("b")], f"returns a confidence of True, {RANGE}"),
        ([ReadText("a", "1"), ReadText("b")], f"returns a confidence of '1', {RANGE}"),
    ],
)
def test_a_broken_contract_is_named(found, fault):
    assert texts_fault(found, 2) == fault


def test_texts_cross_to_another_process_as_json():
    texts = [ReadText('é\n\t"', 0.25), ReadText("")]
    assert parse_texts(json.loads(json.dumps(plain_texts(texts))), label="child") == texts


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ("text", "answered with a str, expected a list of texts"),
        (["text"], r"answered with texts\[0\]: expected a table, found str"),
        ([{"text": 1}], r"answered with texts\[0\].text: expected str, found 1"),
        ([{"text": "a", "sure": 1}], r"answered with texts\[0\]: unknown key 'sure'"),
    ],
)
def test_anything_else_is_an_error_of_the_child(data, fault):
    with pytest.raises(RuntimeExecutionError, match=f"child: {fault}"):
        parse_texts(data, label="child")


def test_the_specification_is_written_and_read():
    data = SPEC.to_dict()
    assert (SPEC.schema, data["decoder"], data["charset"]["symbols"]) == (2, "text", [])
    assert data["preprocess"]["fit"] == "none"
    assert RecogniserSpec.from_dict(data, where="test") == SPEC
    with pytest.raises(SpecError, match="not a recogniser specification"):
        RecogniserSpec.from_dict(data | {"decoder": "oracle"}, where="test")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"decoder": Decoder.CTC}, "fit=none is for recognisers that return text"),
        ({"decoder": Decoder.CTC, "preprocess": PreprocessSpec()}, "needs a symbol for each class but the blank"),
        ({"native": NativeSpec(input="x", output="y", axes=Axes.NTC)}, "decoder=text has no frames and classes"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, fault):
    with pytest.raises(SpecError, match=fault):
        replace(SPEC, **changes)


def test_it_has_no_frames_and_reads_any_symbol():
    with pytest.raises(SpecMismatchError, match=r"reader returns text \(decoder=text\) and no scores per frame"):
        SPEC.frames(64)
    assert SPEC.charset.unknown("anything at all: שלום") == ()


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        (Channels.GRAY, lambda image: image[None]),
        (Channels.GRAY3, lambda image: np.stack([image] * 3)),
        (Channels.RGB, lambda image: image.transpose(2, 0, 1)),
        (Channels.BGR, lambda image: image.transpose(2, 0, 1)[::-1]),
    ],
)
def test_images_as_they_are(rng, channels, expected):
    spec = PreprocessSpec(fit=Fit.NONE, channels=channels)
    image = rng.integers(0, 256, (37, 211, 3) if spec.coloured else (37, 211), np.uint8)
    for given in (image, image.astype(np.float32) / np.float32(255)):
        found = prepare(given, spec)
        assert (found.dtype, found.shape) == (np.uint8, (1, spec.planes, 37, 211))
        assert np.array_equal(found[0], expected(image))


class Echo:
    """Says the size of each image."""

    def run(self, images):
        return [ReadText(f"{image.shape[1]}x{image.shape[2]}") for image in images]

    def close(self):
        pass


def test_images_are_checked_before_they_are_read():
    session = CheckedTexts(Echo(), SPEC, label="echo")
    assert [read.text for read in session.run(np.zeros((2, 1, 9, 31), np.uint8))] == ["9x31", "9x31"]
    for wrong in (np.zeros((0, 1, 9, 31), np.uint8), np.zeros((1, 3, 9, 31), np.uint8), np.zeros((1, 1, 9, 31))):
        with pytest.raises(SpecMismatchError, match=r"expected uint8 images \(n, 1, h, w\)"):
            session.run(wrong)


def test_changes_between_bare_texts_are_told_without_gaps():
    found = find_changes("abcd", transcription(ReadText("abxd", 0.4)), transcription(ReadText("abcde")))
    assert [(c.reference, c.target, str(c.effect)) for c in found] == [("x", "c", "repaired"), ("", "e", "harmful")]
    assert {value for c in found for value in (c.first_frame, c.last_frame, c.gap, c.gap_reference)} == {None}


def test_the_line_says_how_sure_it_is():
    assert confidence_of(transcription(ReadText("a", 0.4))) == 0.4
    assert confidence_of(transcription(ReadText("a"))) is None
    assert confidence_of(Transcription("", (), math.inf)) is None
