"""LiteRT's signatures, and what their widths do to a line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest


pytest.importorskip("litert_torch", reason="LiteRT files are made by litert-torch")
pytest.importorskip("ai_edge_litert", reason="and run by ai-edge-litert")

from inkport.core.errors import ArtifactCorruptError, SpecMismatchError, UnsupportedFormatError, UsageError
from inkport.core.registry import open_session
from inkport.core.runtime import SessionOptions
from inkport.core.target import Precision
from inkport.export.from_torch.litert import litert_from_safetensors
from inkport.runtimes.litert import LiteRtRuntime


@pytest.fixture(scope="module")
def narrow(toy_artifact, tmp_path_factory):
    """The toy with two signatures, the widest below the recogniser's widest line."""
    return litert_from_safetensors(toy_artifact, tmp_path_factory.mktemp("litert") / "narrow", widths=(16, 64, 128))


@pytest.mark.parametrize("width", [32, 64, 80, 128])
def test_a_line_reads_the_same_in_whichever_signature_it_fits(toy_artifact, narrow, rng, width):
    images = rng.random((2, 1, 48, width), dtype=np.float32)
    with open_session(toy_artifact, runtime="torch") as torch, open_session(narrow, runtime="litert") as litert:
        np.testing.assert_allclose(litert.run(images), torch.run(images), atol=1e-5)


def test_the_signatures_are_those_asked_for(narrow):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(narrow.file(".tflite")))
    assert sorted(interpreter.get_signature_list()) == ["w128", "w64"]  # 16 is below the narrowest line
    assert narrow.provenance.options["widths"] == [64, 128]


def test_a_line_wider_than_every_signature_is_refused(narrow):
    too_wide = np.ones((1, 1, 48, 144), dtype=np.float32)
    with (
        open_session(narrow, runtime="litert") as session,
        pytest.raises(SpecMismatchError, match=r"144 columns wide, the widest signature .* takes 128"),
    ):
        session.run(too_wide)


@pytest.mark.parametrize("widths", [(100,), (16,), ()])
def test_impossible_widths_are_refused(toy_artifact, tmp_path, widths):
    with pytest.raises(UsageError, match="multiples of 16"):
        litert_from_safetensors(toy_artifact, tmp_path / "out", widths=widths)
    assert not (tmp_path / "out").exists()


def test_int8_is_smaller_and_really_holds_8_bit_weights(export_toy):
    from ai_edge_litert.interpreter import Interpreter

    plain, small = export_toy("litert", Precision.FP32), export_toy("litert", Precision.INT8)
    assert small.bytes < plain.bytes
    assert (small.root, small.provenance.parent) == (plain.root, plain.digest)

    def kinds(artifact):
        interpreter = Interpreter(str(artifact.file(".tflite")))
        return {tensor["dtype"] for tensor in interpreter.get_tensor_details()}

    assert np.int8 in kinds(small)
    assert np.int8 not in kinds(plain)


def test_a_precision_that_it_does_not_run_is_refused(narrow):
    with pytest.raises(UnsupportedFormatError, match="litert runs fp32, int8"):
        LiteRtRuntime().open(replace(narrow, precision=Precision.FP16), device="cpu", options=SessionOptions())


def test_a_file_of_another_converter_is_refused_with_what_it_takes(narrow, toy_spec):
    other = replace(narrow, spec=replace(toy_spec, preprocess=replace(toy_spec.preprocess, height=64)))
    with pytest.raises(ArtifactCorruptError, match="a signature takes"):
        LiteRtRuntime().open(other, device="cpu", options=SessionOptions())
