"""Preparation and decoding as graphs of their own, against the code that they were written after."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from inkport.core.charset import Charset
from inkport.core.ctc import greedy
from inkport.core.preprocess import PreprocessSpec, normalise, prepare_bytes
from inkport.core.triangle import MOST_SAMPLES, integer_taps, resample_bytes
from inkport.export.app import preparation
from inkport.export.app.decoding import emit_decoding
from inkport.export.app.emitter import Emitter
from inkport.export.app.preparation import emit_preparation, emit_resampling


WIDEST = 2048
"""Widest input of our own recognisers, in pixels."""


def model_of(emit, inputs, outputs):
    """Return a graph's bytes: inputs and outputs by name, with their types and numbers of axes."""

    def values(named):
        return [helper.make_tensor_value_info(name, kind, [None] * axes) for name, (kind, axes) in named.items()]

    graph = helper.make_graph(emit.nodes, "part", values(inputs), values(outputs), emit.initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


@pytest.fixture
def resampler(load):
    emit = Emitter("test.")
    emit.op("Identity", emit_resampling(emit, "image", "source", "target"), output="out")
    scalar, levels = (TensorProto.INT32, 0), (TensorProto.FLOAT, 2)
    return load(model_of(emit, {"image": levels, "source": scalar, "target": scalar}, {"out": levels}))


def test_weights_are_those_of_the_definition_for_sides_up_to_the_largest(load, rng):
    """Division and products of integers are what engines compute in float32 if they can, and lose digits."""
    emit = Emitter("test.")
    rows, weights = preparation._taps(emit, "source", "target")
    for name, made in (("rows", rows), ("weights", weights)):
        emit.op("Identity", made, output=name)
    scalar, table = (TensorProto.INT32, 0), (TensorProto.INT32, 2)
    run = load(model_of(emit, {"source": scalar, "target": scalar}, {"rows": table, "weights": table}))
    sides = [1, 2, 47, 48, 49, 333, WIDEST, 2200, 20011, MOST_SAMPLES - 1, MOST_SAMPLES]
    pairs = [(n, m) for n in sides for m in (8, 48, 1999, WIDEST) if n * m < 1 << 26] + [(4000, 1), (1, 1)]
    pairs += [(int(n), int(m)) for n, m in zip(rng.integers(1, 4000, 60), rng.integers(1, WIDEST, 60), strict=True)]
    for source, target in pairs:
        found = run({"source": np.array(source, np.int32), "target": np.array(target, np.int32)})
        expected = integer_taps(source, target)
        assert np.array_equal(found["rows"].T, expected[0]), (source, target)
        assert np.array_equal(found["weights"].T, expected[1]), (source, target)


def test_rows_are_resampled_to_the_byte(resampler, rng):
    for rows, height in ((1, 48), (8, 48), (48, 48), (49, 48), (97, 48), (2200, 48), (MOST_SAMPLES, 48), (300, 2048)):
        image = rng.integers(0, 256, (rows, 5), np.uint8)
        image[:, 1], image[:, 2] = 255, 255 * (np.arange(rows) % 2)
        feeds = {
            "image": image.astype(np.float32),
            "source": np.array(rows, np.int32),
            "target": np.array(height, np.int32),
        }
        assert np.array_equal(resampler(feeds)["out"], resample_bytes(image, height, 5)), (rows, height)


SPECS = {
    "usual": PreprocessSpec(),
    "symmetric": PreprocessSpec(mean=0.5, std=0.5),
    "trained elsewhere": PreprocessSpec(
        height=32, width_multiple=8, min_width=40, max_width=800, mean=0.4, std=0.3, background=0.6
    ),
}


@pytest.mark.parametrize("name", SPECS)
def test_every_preprocessing_of_our_own_is_prepared_to_the_bit(load, rng, name):
    spec = SPECS[name]
    emit = Emitter("test.")
    emit_preparation(emit, spec, output="images")
    tensor, images = (TensorProto.UINT8, 4), (TensorProto.FLOAT, 4)
    inputs = {"image": (TensorProto.UINT8, 3)}
    run = load(model_of(emit, inputs, {"tensor": tensor, "images": images, "fault": (TensorProto.INT32, 1)}))
    for height, width in ((8, 9), (31, 200), (32, 333), (48, 480), (64, 801), (200, 90)):
        image = rng.integers(0, 256, (height, width), np.uint8)
        found, expected = run({"image": image[..., None]}), prepare_bytes(image, spec)
        assert np.array_equal(found["tensor"], expected), (height, width)
        assert np.array_equal(found["images"], normalise(expected, spec)), (height, width)


def test_gray_is_pillows_for_every_share_of_colours(load):
    """Of a picture that is neither resampled nor padded the tensor is its gray."""
    emit = Emitter("test.")
    emit_preparation(emit, PreprocessSpec(), output="images")
    run = load(model_of(emit, {"image": (TensorProto.UINT8, 3)}, {"tensor": (TensorProto.UINT8, 4)}))
    steps = np.array([0, 1, 2, 3, 64, 127, 128, 129, 200, 253, 254, 255], np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(48, -1, 3)
    colours = np.pad(colours, ((0, 0), (0, -colours.shape[1] % 16), (0, 0)))
    expected = np.asarray(Image.fromarray(colours).convert("L"))
    assert np.array_equal(run({"image": colours})["tensor"][0, 0], expected)


CHARSET = Charset(tuple(" abé😀漢"))


@pytest.fixture
def decoder(load):
    emit = Emitter("test.")
    emit_decoding(emit, "logits", CHARSET, taken="taken")
    inputs = {"logits": (TensorProto.FLOAT, 3), "taken": (TensorProto.BOOL, 0)}
    outputs = {"code_points": (TensorProto.INT32, 1), "confidences": (TensorProto.FLOAT, 1)}
    run = load(model_of(emit, inputs, {**outputs, "frames": (TensorProto.INT32, 2)}))
    return lambda logits: run({"logits": logits[None], "taken": np.array(True)})


def check_decoding(found, logits):
    expected = greedy(logits, CHARSET)
    assert found["code_points"].tolist() == list(map(ord, expected.text))
    assert found["frames"].tolist() == [[e.first_frame, e.last_frame] for e in expected.emissions]
    assert found["confidences"] == pytest.approx([e.confidence for e in expected.emissions], abs=1e-6)


def test_random_logits_are_decoded_as_by_the_harness(decoder, rng):
    symbols = 0
    for frames in (1, 2, 3, 8, 60, 512):
        for scale in (0.5, 20):
            # Neighbours share most of their scores, so that there are runs.
            logits = np.repeat(rng.normal(0, scale, (frames, CHARSET.size)), 2, axis=0)[:frames].astype(np.float32)
            found = decoder(logits)
            check_decoding(found, logits)
            symbols += len(found["code_points"])
    assert symbols > 100


def test_of_equal_scores_the_first_counts(decoder):
    logits = np.zeros((6, CHARSET.size), np.float32)
    logits[:, 2:5] = np.array([[3, 3, 1], [1, 3, 3], [3, 3, 3], [0, 0, 0], [0, 2, 2], [5, 5, 5]])
    check_decoding(decoder(logits), logits)
    assert decoder(logits)["code_points"].tolist() == list(map(ord, "aba" + "ba"))


@pytest.mark.parametrize("labels", [[0], [0, 0, 0], [1], [1, 1, 0, 1], [6, 5, 5, 6], [0, 5, 0], [2] * 40])
def test_runs_and_blanks_at_every_end(decoder, labels):
    logits = np.full((len(labels), CHARSET.size), -4, np.float32)
    logits[np.arange(len(labels)), labels] = 4
    check_decoding(decoder(logits), logits)
