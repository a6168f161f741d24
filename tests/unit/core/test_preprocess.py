from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from inkport.core.errors import ImageError, SpecError
from inkport.core.preprocess import MIN_SIDE_PX, RESAMPLINGS, TRIANGLE_V1, TRIANGLE_V2, PreprocessSpec, prepare
from inkport.core.triangle_v1 import resample, triangle_taps


SPEC = PreprocessSpec()
"""The default, triangle-v2; what it resamples to is in test_triangle.py."""
SIZES = [(64, 684), (64, 400), (48, 300), (30, 200), (47, 301), (49, 299), (12, 90), (333, 2100), (900, 4001), (8, 8)]


def pillow(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """The independent oracle: Pillow's antialiased bilinear filter on floats."""
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


def matrix(source: int, target: int) -> np.ndarray:
    """The definition: the whole matrix of the triangle filter, in float64."""
    scale = source / target
    support = max(scale, 1.0)
    centres = (np.arange(target) + 0.5) * scale
    weights = np.maximum(0.0, 1.0 - np.abs(np.arange(source) + 0.5 - centres[:, None]) / support)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("resampling", "levels"), [(TRIANGLE_V1, 1e-3), (TRIANGLE_V2, 3)])
@pytest.mark.parametrize("size", SIZES)
def test_prepared_pixels_are_pillows(size, resampling, levels, rng):
    """Up to rounding: v2 rounds pixels three times, and weights, which is up to a level and a half."""
    image = rng.random(size, dtype=np.float32)
    prepared = prepare(image, PreprocessSpec(resampling=resampling))
    width = SPEC.content_width(*size)
    np.testing.assert_allclose(prepared[0, 0, :, :width], pillow(image, SPEC.height, width), atol=levels / 255)
    assert (prepared[0, 0, :, width:] == 1).all()


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 90), st.integers(1, 300)),
    st.tuples(st.integers(1, 90), st.integers(1, 300)),
    st.integers(0, 2**32 - 1),
)
def test_resampling_is_pillows_and_the_two_matrix_products(source, target, seed):
    image = np.random.default_rng(seed).random(source, dtype=np.float32)
    resampled = resample(image, *target)
    products = matrix(source[0], target[0]) @ image @ matrix(source[1], target[1]).T
    np.testing.assert_allclose(resampled, products, atol=1e-6)
    np.testing.assert_allclose(resampled, pillow(image, *target), atol=1e-6)


@pytest.mark.parametrize(("source", "target"), [(1, 1), (1, 50), (50, 1), (7, 7), (684, 513), (513, 684), (20000, 3)])
def test_taps_are_every_nonzero_entry_of_the_matrix(source, target):
    indices, weights = triangle_taps(source, target)
    dense = np.zeros((target, source))
    np.add.at(dense, (np.arange(target)[:, None], indices), weights)
    np.testing.assert_allclose(dense, matrix(source, target), atol=1e-6)


def test_a_sharp_edge_keeps_its_place():
    """A mirrored image gives the mirrored result: no half-pixel shift."""
    image = np.ones((64, 400), dtype=np.float32)
    image[:, 150:155] = 0
    left, right = resample(image, 48, 300), resample(image[:, ::-1], 48, 300)
    np.testing.assert_allclose(left, right[:, ::-1], atol=1e-6)
    assert abs(float((1 - left[0]) @ (np.arange(300) + 0.5) / (1 - left[0]).sum()) - 152.5 * 0.75) < 0.02


@pytest.mark.parametrize("resampling", RESAMPLINGS)
def test_uint8_and_float_agree(resampling, rng):
    image = rng.integers(0, 256, (64, 333), dtype=np.uint8)
    spec = PreprocessSpec(resampling=resampling)
    np.testing.assert_array_equal(prepare(image, spec), prepare(image.astype(np.float32) / np.float32(255), spec))


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda image: np.repeat(image, 2, axis=1)[:, ::2]])
@pytest.mark.parametrize("resampling", RESAMPLINGS)
def test_the_result_does_not_depend_on_the_memory_layout(layout, resampling, rng):
    spec = PreprocessSpec(resampling=resampling)
    for image in (rng.random((64, 333), dtype=np.float32), rng.integers(0, 256, (64, 333), dtype=np.uint8)):
        np.testing.assert_array_equal(prepare(layout(image), spec), prepare(image, spec))


@pytest.mark.parametrize("resampling", RESAMPLINGS)
def test_the_input_is_not_written_to(resampling, rng):
    for image in (rng.random((48, 320), dtype=np.float32), rng.integers(0, 256, (48, 320), dtype=np.uint8)):
        before = image.copy()
        image.setflags(write=False)
        assert prepare(image, PreprocessSpec(resampling=resampling)).flags.writeable
        np.testing.assert_array_equal(image, before)


def test_padding_is_the_background_up_to_the_next_multiple():
    spec = PreprocessSpec(mean=0.5, std=0.25, background=0.75, resampling=TRIANGLE_V1)
    prepared = prepare(np.zeros((48, 65), dtype=np.uint8), spec)
    assert prepared.shape == (1, 1, 48, 80)
    assert prepared.dtype == np.float32
    assert (prepared[..., :65] == (0 - 0.5) / 0.25).all()
    assert (prepared[..., 65:] == (0.75 - 0.5) / 0.25).all()


@pytest.mark.parametrize(
    ("size", "content", "padded"),
    [((48, 64), 64, 64), ((48, 65), 65, 80), ((48, 10), 10, 32), ((64, 684), 513, 528), ((48, 2048), 2048, 2048)],
)
def test_widths(size, content, padded):
    assert SPEC.content_width(*size) == content
    assert SPEC.padded_width(*size) == padded
    assert prepare(np.zeros(size, dtype=np.uint8), SPEC).shape[3] == padded


@given(st.integers(1, 5000), st.integers(1, 50000))
def test_content_width_rounds_half_up(height, width):
    assert SPEC.content_width(height, width) == max(1, int(np.floor(width * 48 / height + 0.5)))


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ((1, 1), "at least 8 px"),
        ((MIN_SIDE_PX - 1, 100), "at least 8 px"),
        ((64, MIN_SIDE_PX - 1), "at least 8 px"),
        ((1000, 64), "leaves 3 px"),
        ((48, 2049), "at most 2048"),
        ((64, 20000), "at most 2048"),
        ((64, 400, 3), "shape"),
        ((0, 0), "at least 8 px"),
    ],
)
def test_shapes_that_hold_no_line_are_refused(shape, says):
    with pytest.raises(ImageError, match=says):
        prepare(np.zeros(shape, dtype=np.uint8), SPEC)


@pytest.mark.parametrize("shape", [(8, 100), (64, 11), (1000, 167)])
def test_a_line_of_eight_pixels_is_the_smallest_that_is_read(shape):
    """High as it is, or wide at the network's height."""
    prepared = prepare(np.zeros(shape, dtype=np.uint8), SPEC)
    assert np.count_nonzero(prepared[0, 0, 0] == 0) == max(8, SPEC.content_width(*shape))


@pytest.mark.parametrize("shape", [(7, 100), (100, 7)])
def test_an_image_that_is_too_small_is_described_width_first(shape):
    with pytest.raises(ImageError, match=f"the image is {shape[1]} x {shape[0]} px, a line needs"):
        prepare(np.zeros(shape, dtype=np.uint8), SPEC)


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.01, 1.01, 255])
def test_values_that_are_no_gray_are_refused(value):
    image = np.ones((48, 100), dtype=np.float32)
    image[5, 5] = value
    with pytest.raises(ImageError, match=r"within 0\.\.1"):
        prepare(image, SPEC)


def test_other_dtypes_are_refused():
    with pytest.raises(ImageError, match="float64"):
        prepare(np.ones((48, 100)), SPEC)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"height": 0},
        {"width_multiple": 0},
        {"min_width": 40},
        {"max_width": 2047},
        {"max_width": 16},
        {"std": 0.0},
        {"std": -1.0},
        {"background": 1.5},
        {"resampling": "triangle-v3"},
    ],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(SpecError):
        PreprocessSpec(**wrong)
