"""Version 2 of the specification: what it can say, and that version 1 says what it said before."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from inkport.core.artifact import SIDECAR, Provenance, bundle_folder, load_artifact, new_artifact
from inkport.core.charset import Charset
from inkport.core.errors import SpecError
from inkport.core.preprocess import PreprocessSpec
from inkport.core.preprocess_settings import Channels, Fit
from inkport.core.spec import Axes, NativeSpec, RecogniserSpec, Scores
from inkport.core.target import Precision


NATIVE = NativeSpec(input="x", output="y", axes=Axes.TNC, scores=Scores.PROBABILITIES, blank=2, batch=4, offset=3)
FOREIGN = RecogniserSpec(
    name="n",
    version="1",
    preprocess=PreprocessSpec(
        channels=Channels.BGR, channel_mean=(0.1, 0.2, 0.3), resampling="cv2-linear", width_multiple=1, pad_value=0.0
    ),
    charset=Charset(("a", "", "th", "a"), free=True),
    stride=8,
    native=NATIVE,
)


def test_what_version_2_says_comes_back():
    assert RecogniserSpec.from_dict(json.loads(json.dumps(FOREIGN.to_dict())), where="f") == FOREIGN
    assert FOREIGN.schema == 2
    assert FOREIGN.input.shape == ("4", "3", "48", "w")
    assert FOREIGN.output.shape == ("t", "4", "5")


def test_a_shipped_sidecar_is_the_one_that_it_was(toy_spec):
    artifact = load_artifact(bundle_folder() / "convtext-tiny-int8")
    data = json.loads((artifact.path / SIDECAR).read_text(encoding="utf-8"))
    assert data["schema"] == artifact.spec.schema == 1
    assert artifact.spec.to_dict() == data["spec"]
    assert toy_spec.to_dict().keys() == data["spec"].keys()


def test_an_artifact_is_written_in_the_earliest_version_that_can_say_it(tmp_path, toy_spec):
    for spec, schema in ((toy_spec, 1), (FOREIGN, 2)):
        path = tmp_path / str(schema)
        with new_artifact(path, spec=spec, format="onnx", precision=Precision.FP32, provenance=Provenance(stage="s")):
            pass
        assert json.loads((path / SIDECAR).read_text(encoding="utf-8"))["schema"] == schema
        assert load_artifact(path).spec == spec


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: replace(FOREIGN, native=replace(NATIVE, blank=5)), "blank 5 is outside the classes, 0..4"),
        (lambda: replace(FOREIGN, native=replace(NATIVE, offset=-900)), "has no frame"),
        (lambda: NativeSpec(input="", output="y"), "need names"),
        (lambda: PreprocessSpec(channel_std=(1.0, 1.0, 1.0)), "channel_std is for three channels"),
        (lambda: PreprocessSpec(channels=Channels.RGB, mean=0.5, channel_mean=(0.1, 0.2, 0.3)), "found both"),
        (lambda: PreprocessSpec(fit=Fit.STRETCH), "fit=stretch has one width"),
        (lambda: PreprocessSpec(repeat_edge=True, pad_value=0.0), "found both"),
    ],
)
def test_what_contradicts_itself_is_refused(change, message):
    with pytest.raises(SpecError, match=message):
        change()


def test_frames_follow_the_rule():
    spec = replace(FOREIGN, native=replace(NATIVE, gain=2, offset=-4), stride=3)
    assert spec.frames(100) == (2 * 100 - 4) // 3
    assert spec.frame_px == 1.5


def test_symbols_of_several_letters_are_read_as_the_longest():
    charset = Charset(("t", "th", "h", "", "e\N{COMBINING ACUTE ACCENT}"), free=True)
    assert charset.encode("thté") == [2, 1, 5]
    assert charset.decode([2, 4, 1]) == "tht"
    assert charset.unknown("txh") == ("x",)
