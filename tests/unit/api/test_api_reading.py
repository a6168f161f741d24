"""``inkport.load``: what is opened, with what, and again in another process."""

from __future__ import annotations

import copy
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from importlib.resources import files
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import numpy as np
import pytest

import inkport
from inkport.commands import _reader
from inkport.core.artifact import bundled_artifacts
from inkport.core.errors import ArtifactError, RuntimeUnavailableError, UnknownRuntimeError, UsageError
from inkport.core.runtime import Availability
from inkport.core.target import Precision


SAMPLES = Path(str(files("inkport.benchmarks"))) / "samples"
LINES = [SAMPLES / f"rendered-en-00000{number}.png" for number in range(4)]


@pytest.fixture
def shipped():
    """The shipped model in ONNX Runtime."""
    pytest.importorskip("onnxruntime", reason="the shipped model is read with onnxruntime")
    with inkport.load() as recogniser:
        yield recogniser


def test_the_shipped_model_is_its_int8_artifact(shipped):
    assert shipped.artifact == bundled_artifacts()[0]
    assert (shipped.runtime, shipped.digest) == ("onnxruntime", bundled_artifacts()[0].digest)
    assert shipped.read(LINES[0]).text.startswith("life of thought")


def test_a_precision_and_a_runtime_can_be_insisted_on():
    pytest.importorskip("openvino", reason="the other shipped artifact is read with openvino")
    with inkport.load("convtext-tiny", "openvino", precision="int8") as recogniser:
        assert recogniser.artifact == bundled_artifacts()[1]
        assert recogniser.read(LINES[0]).text.startswith("life of thought")
    fp32 = _reader.choose_artifact("convtext-tiny", runtime=None, precision=Precision.FP32)
    assert (fp32.spec.name, fp32.precision) == ("convtext-tiny", "fp32")


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"model": "nosuch"}, UsageError, "'nosuch' is neither"),
        ({"precision": "fp64"}, UsageError, "precision 'fp64' is none"),
        ({"precision": "w8"}, UsageError, "convtext-tiny is here in int8, fp32, not in w8"),
        ({"runtime": "nosuch"}, UnknownRuntimeError, "'nosuch' is not registered"),
        ({"threads": 0}, UsageError, "threads must be at least 1"),
        ({"min_confidence": 1.5}, UsageError, "min-confidence must be within 0..1"),
        ({"min_confidence": float("nan")}, UsageError, "min-confidence must be within 0..1"),
        ({"max_megapixels": 0}, UsageError, "max-megapixels must be above 0"),
        ({"lm": "nosuch"}, ArtifactError, "nosuch: no such file"),
    ],
)
def test_what_cannot_be_opened_says_why(arguments, error, says):
    with pytest.raises(error, match=says):
        inkport.load(**arguments)


def test_a_runtime_that_is_missing_says_how_to_get_it(monkeypatch):
    absent = Availability(ok=False, reason="onnxruntime is not installed", remedy="pip install 'inkport[ort]'")
    monkeypatch.setattr("inkport.core.registry.probe_adapter", lambda _: absent)
    with pytest.raises(RuntimeUnavailableError, match="onnxruntime is not installed") as caught:
        inkport.load()
    assert "pip install" in caught.value.remedy


def test_a_language_model_decodes(shipped):
    with inkport.load(lm="fr-en") as with_lm:
        texts = [reading.text for reading in with_lm.read_many(LINES)]
    plain = [reading.text for reading in shipped.read_many(LINES)]
    assert len(texts) == len(plain)
    assert texts[0].startswith("life of thought")


def test_what_is_doubted_can_be_set(shipped):
    assert shipped.read(LINES[0]).warnings == ()
    with inkport.load(min_confidence=1) as strict:
        (doubt,) = strict.read(LINES[0]).warnings
    assert doubt.kind == inkport.DoubtKind.UNSURE


def test_a_limit_on_pixels_holds_for_every_source():
    with inkport.load(max_megapixels=0.001) as small:
        for source in (LINES[0], LINES[0].read_bytes(), np.ones((60, 400), np.float32)):
            with pytest.raises(inkport.InkportError, match="too many pixels"):
                small.read(source)


def test_it_can_be_sent_to_workers(shipped):
    expected = [shipped.read(line).text for line in LINES]
    # What a worker runs is the library's own: it need not find the tests.
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(os.getpid).result() != os.getpid()
        assert [pool.submit(shipped.read, line).result().text for line in LINES] == expected


def test_what_is_sent_is_how_it_was_opened_and_no_weights(shipped, tmp_path, monkeypatch):
    with inkport.load(shipped.artifact.path, runtime="onnxruntime", min_confidence=0.5) as recogniser:
        assert len(ForkingPickler.dumps(recogniser)) < 1000
        monkeypatch.chdir(tmp_path)
        # Copied by the same means as sent.
        again = copy.copy(recogniser)
    with again:
        assert again.read(LINES[0]) == shipped.read(LINES[0])
        assert (again.digest, again.runtime, again.min_confidence) == (shipped.digest, "onnxruntime", 0.5)


def test_another_artifact_in_the_place_of_what_was_sent_is_refused(shipped):
    function, (digest, arguments) = shipped.__reduce__()
    assert digest == shipped.digest
    with pytest.raises(ArtifactError, match=f"opened {digest[:12]} here, 000"):
        function("0" * 64, arguments)
