"""A CRNN of somebody else's: 0 texts differ from its own pipeline, and each planted wrong setting is named."""

from __future__ import annotations

import numpy as np
import pytest

from inkport.core.artifact import load_artifact
from inkport.core.errors import DataError, UsageError
from inkport.core.preprocess import prepare
from inkport.core.recogniser import Recogniser
from inkport.core.registry import open_session
from inkport.core.spec import Axes, Scores
from inkport.export.import_.expect import explain, read_expectations
from inkport.export.import_.importer import examine, write_import
from inkport.export.import_.onnx_file import Network
from inkport.export.import_.settings import Origin, merged, parse_settings
from inkport.lines.line import Line


def examined(theirs, *changes, charset=None):
    """Their model, imported with their settings, but for the changes."""
    given = merged(parse_settings(changes), parse_settings(theirs.settings))
    return examine(theirs.model, charset=charset or theirs.charset, given=given)


def explained(theirs, expect, *changes, charset=None):
    found = examined(theirs, *changes, charset=charset)
    return explain(read_expectations(expect, ()), found.spec, Network(theirs.model))


def test_what_the_network_does_is_found_by_running_it(theirs):
    found = examined(theirs)
    native = found.spec.native
    assert (native.axes, native.scores, native.blank, native.batch) == (Axes.TNC, Scores.LOG_PROBABILITIES, 12, 0)
    # By the rule of its two convolutions: 3 with stride 2 and padding 1, then 4 with stride 2.
    assert all(found.spec.frames(width) == ((width + 1) // 2 - 4) // 2 + 1 for width in range(160, 400))
    assert found.settings["axes"].origin is Origin.PROBED
    assert found.settings["height"].origin is Origin.FILE
    assert found.settings["mean" if "mean" in found.settings else "channel_mean"].origin is Origin.SET
    # Nothing is guessed in silence.
    assert "fit=keep" in found.assumed


def test_it_reads_what_its_own_pipeline_reads(theirs, tmp_path):
    artifact = write_import(examined(theirs), tmp_path / "crnn")
    assert artifact.file(".onnx").read_bytes() == theirs.model.read_bytes()
    assert load_artifact(tmp_path / "crnn").spec == artifact.spec
    pre = artifact.spec.preprocess
    inputs = [prepare(Line(id="x", image=path, text="").pixels(pre), pre) for path in theirs.images]
    for path, image in zip(theirs.images, inputs, strict=True):
        np.testing.assert_allclose(image, theirs.prepare(path), rtol=0, atol=1e-6)
    expected = [theirs.read(path) for path in theirs.images]
    assert len(set(expected)) == len(expected)
    with open_session(artifact, runtime="onnxruntime") as session:
        read = Recogniser(artifact.spec, session).read_prepared(inputs, batch=4)
    assert [reading.text for reading in read] == expected


def test_nothing_differs_with_the_right_settings(theirs, readings):
    found = explained(theirs, readings)
    assert (found.lines, found.differing, found.settings) == (12, 0, ())


@pytest.mark.parametrize(
    ("planted", "named"),
    [
        ("blank=0", "blank=12"),
        ("channels=rgb", "channels=bgr"),
        ("mean=0.485,0.456,0.406", "mean=0.406,0.456,0.485"),
        ("resampling=pil-bilinear", "resampling=cv2-linear"),
        ("pad_value=2.0", "pad_value=0"),
        ("rounding=ceil", "rounding=floor"),
        ("min_width=100", "min_width=160"),
    ],
)
def test_a_planted_wrong_setting_is_named(theirs, readings, planted, named):
    found = explained(theirs, readings, planted)
    assert found.differing > 0
    assert found.settings[0].startswith(named)
    assert found.remaining == 0


def test_symbols_in_another_order_are_named(theirs, readings, tmp_path):
    (tmp_path / "wrong.txt").write_text("\n".join("badcfehgjilk") + "\n", encoding="utf-8")
    found = explained(theirs, readings, charset=tmp_path / "wrong.txt")
    assert found.differing > 0
    assert found.settings[0].startswith("charset: its order is another one (class 0 is 'a', not 'b'")


def test_wrong_axes_contradict_the_network(theirs):
    with pytest.raises(UsageError, match="axes=ntc contradicts the network, which has axes=tnc"):
        examined(theirs, "axes=ntc")


def test_scores_are_compared_as_the_network_has_them(theirs, tmp_path):
    path = tmp_path / "scores.npz"
    np.savez(path, **{image.name: theirs.scores(image) for image in theirs.images})
    lines = [Line(id=image.name, image=image, text="") for image in theirs.images]
    found = examined(theirs)
    assert explain(read_expectations(path, lines), found.spec, Network(theirs.model)).differing == 0
    wrong = examined(theirs, "resampling=cv2-area")
    named = explain(read_expectations(path, lines), wrong.spec, Network(theirs.model))
    assert (named.settings, named.remaining) == (("resampling=cv2-linear",), 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("line00.png\n", "line 1: expected a line's id, a tab"),
        ("line00.png\ta\nline00.png\tb\n", "line 2: 'line00.png' a second time"),
        ("elsewhere\ta\n", "names no line that was given"),
    ],
)
def test_readings_that_name_nothing_are_refused(theirs, tmp_path, text, message):
    (tmp_path / "readings.tsv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_expectations(tmp_path / "readings.tsv", [Line(id="line00.png", image=theirs.images[0], text="")])


def test_a_charset_of_another_size_is_refused_with_what_is_needed(theirs, tmp_path):
    (tmp_path / "short.txt").write_text("a\nb\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"13 classes, the blank among them, so 12 symbols; short\.txt has 2"):
        examined(theirs, charset=tmp_path / "short.txt")
