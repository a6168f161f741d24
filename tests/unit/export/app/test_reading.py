"""A whole reader in ONNX Runtime and OpenVINO against the harness: tensors to the byte, symbols, confidences."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from inkport.core.ctc import greedy
from inkport.core.preprocess import MIN_SIDE_PX, prepare, prepare_bytes
from inkport.core.triangle import resample_bytes
from inkport.export.app.interface import NOT_AN_IMAGE, OUTPUTS, TOO_LARGE, TOO_SMALL


def test_pictures_are_read_as_the_harness_reads_them(load, reader, pictures):
    """The network alone runs in the same engine: what differs would be the preparation's or the decoding's."""
    app, network = load(reader.app.file(".onnx")), load(reader.network.file(".onnx"))
    spec, read = reader.network.spec, 0
    for picture in pictures:
        gray = picture[..., 0] if picture.shape[2] == 1 else np.asarray(Image.fromarray(picture).convert("L"))
        found = app({"image": picture})
        assert found["fault"].tolist() == [0], picture.shape
        assert np.array_equal(found["tensor"], prepare_bytes(gray, spec.preprocess)), picture.shape
        expected = greedy(network({"images": prepare(gray, spec.preprocess)})["logits"][0], spec.charset)
        assert "".join(map(chr, found["code_points"])) == expected.text, picture.shape
        places = [[symbol.first_frame, symbol.last_frame] for symbol in expected.emissions]
        assert found["frames"].tolist() == places, picture.shape
        confidences = [symbol.confidence for symbol in expected.emissions]
        assert found["confidences"] == pytest.approx(confidences, abs=1e-5), picture.shape
        read += len(expected.text)
    assert read > 50


def test_outputs_have_the_types_that_are_documented(load, reader, pictures):
    found = load(reader.app.file(".onnx"))({"image": pictures[0]})
    assert {name: (found[name].dtype.name, found[name].ndim) for name in OUTPUTS} == {
        "code_points": ("int32", 1),
        "confidences": ("float32", 1),
        "frames": ("int32", 2),
        "tensor": ("uint8", 4),
        "fault": ("int32", 1),
    }


@pytest.mark.parametrize(
    ("shape", "fault"),
    [
        ((48, 1, 1), TOO_SMALL),
        ((1, 1, 3), TOO_SMALL),
        ((7, 2000, 1), TOO_SMALL),
        ((1200, 90, 1), TOO_SMALL),
        ((48, 7, 3), TOO_SMALL),
        ((48, 2049, 1), TOO_LARGE),
        ((20, 2000, 3), TOO_LARGE),
        ((8, 32769, 1), TOO_LARGE),
    ],
)
def test_what_the_harness_refuses_has_a_fault_and_no_symbols(load, int8, shape, fault, rng):
    """The tensor is still triangle-v2, of a line that is squeezed to the widest where it is wider."""
    reader = int8
    picture = rng.integers(0, 256, shape, np.uint8)
    gray = picture[..., 0] if shape[2] == 1 else np.asarray(Image.fromarray(picture).convert("L"))
    found = load(reader.app.file(".onnx"))({"image": picture})
    assert found["fault"].tolist() == [fault]
    assert (len(found["code_points"]), len(found["confidences"]), found["frames"].shape) == (0, 0, (0, 2))
    preprocess = reader.network.spec.preprocess
    with pytest.raises(Exception, match="px"):
        prepare_bytes(gray, preprocess)
    if max(shape) <= 1 << 15:
        width = min(preprocess.content_width(*gray.shape), preprocess.max_width)
        assert np.array_equal(found["tensor"][0, 0, :, :width], resample_bytes(gray, preprocess.height, width))
        assert (found["tensor"][0, 0, :, width:] == preprocess.background_level).all()


def test_the_smallest_and_the_widest_line_are_read(load, int8):
    app, preprocess = load(int8.app.file(".onnx")), int8.network.spec.preprocess
    for shape in ((MIN_SIDE_PX, MIN_SIDE_PX, 1), (48, MIN_SIDE_PX, 1), (48, preprocess.max_width, 1)):
        assert app({"image": np.full(shape, 255, np.uint8)})["fault"].tolist() == [0]


@pytest.mark.parametrize("channels", [2, 4])
def test_pictures_of_other_channels_have_a_fault(load, int8, channels):
    """No error of an operator: OpenVINO with one thread keeps these to itself and returns what it read before."""
    app = load(int8.app.file(".onnx"))
    before = app({"image": np.full((60, 400, 1), 255, np.uint8)})
    found = app({"image": np.zeros((50, 300, channels), np.uint8)})
    assert found["fault"].tolist() == [NOT_AN_IMAGE]
    assert found["code_points"].tolist() == []
    assert found["tensor"].shape != before["tensor"].shape


@pytest.mark.parametrize("shape", [(0, 10, 1), (10, 0, 3)])
def test_a_picture_without_pixels_is_an_error_or_has_a_fault(load, int8, shape):
    """Never a crash of the process, which a division by zero would be."""
    app = load(int8.app.file(".onnx"))
    found = {"fault": np.array([TOO_SMALL]), "code_points": np.array([])}
    with suppress(Exception):
        found = app({"image": np.zeros(shape, np.uint8)})
    assert found["fault"].tolist() == [TOO_SMALL]
    assert found["code_points"].tolist() == []
    assert app({"image": np.full((60, 400, 1), 255, np.uint8)})["fault"].tolist() == [0]
