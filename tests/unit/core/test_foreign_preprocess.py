"""Preparation as other pipelines do it: each written here as its own code has it, with OpenCV and Pillow."""

from __future__ import annotations

import io
import math

import cv2  # noqa: TID251 - the oracle
import numpy as np
import pytest
from PIL import Image

from inkport.core.errors import ImageError
from inkport.core.preprocess import PreprocessSpec, prepare
from inkport.core.preprocess_settings import Channels, Fit, Rounding, Side
from inkport.lines.line import Line


SIZES = [(64, 1080), (31, 97), (48, 321), (57, 380), (120, 700)]


@pytest.fixture(params=SIZES, ids=str)
def colours(request, rng):
    """Red, green and blue bytes (h, w, 3)."""
    return rng.integers(0, 256, (*request.param, 3), dtype=np.uint8)


def test_paddleocr(colours):
    spec = PreprocessSpec(
        channels=Channels.BGR, resampling="cv2-linear", mean=0.5, std=0.5, pad_value=0.0, rounding=Rounding.CEIL,
        canvas=Rounding.FLOOR, width_multiple=1, min_width=320, max_width=4096,
    )  # fmt: skip
    image = np.ascontiguousarray(colours[:, :, ::-1])
    height, width = image.shape[:2]
    ratio = max(320 / 48, width / height)
    canvas = np.zeros((3, 48, int(48 * ratio)), np.float32)
    resized = min(math.ceil(48 * (width / float(height))), canvas.shape[2])
    pixels = cv2.resize(image, (resized, 48)).astype("float32").transpose(2, 0, 1) / 255
    canvas[:, :, :resized] = (pixels - 0.5) / 0.5
    np.testing.assert_array_equal(prepare(colours, spec)[0], canvas)


def test_easyocr(colours):
    spec = PreprocessSpec(
        height=64, resampling="cv2-linear", mean=0.5, std=0.5, rounding=Rounding.FLOOR, canvas=Rounding.CEIL,
        width_multiple=64, min_width=64, max_width=4096, repeat_edge=True,
    )  # fmt: skip
    gray = np.ascontiguousarray(colours[:, :, 0])
    ratio = gray.shape[1] / gray.shape[0]
    pixels = cv2.resize(gray, (int(64 * ratio), 64), interpolation=cv2.INTER_LINEAR)
    content = (pixels.astype(np.float32) / 255 - 0.5) / 0.5
    canvas = np.repeat(content[:, -1:], math.ceil(ratio) * 64, axis=1)
    canvas[:, : content.shape[1]] = content
    np.testing.assert_allclose(prepare(gray, spec)[0, 0], canvas, rtol=0, atol=1e-6)


def test_a_line_that_is_contained_is_padded_below(colours):
    spec = PreprocessSpec(
        height=32, channels=Channels.RGB, channel_mean=(0.7, 0.6, 0.5), channel_std=(0.3, 0.2, 0.1), background=0.0,
        resampling="pil-bilinear", rounding=Rounding.FLOOR, fit=Fit.CONTAIN, width_multiple=1, min_width=128,
        max_width=128,
    )  # fmt: skip
    height, width = colours.shape[:2]
    size = (128, max(int(128 * (height / width)), 1)) if width / height > 4 else (int(32 * (width / height)), 32)
    canvas = np.zeros((32, 128, 3), np.float32)
    resized = np.asarray(Image.fromarray(colours).resize(size, Image.Resampling.BILINEAR), np.float32) / 255
    canvas[: size[1], : size[0]] = resized
    expected = (canvas - np.float32([0.7, 0.6, 0.5])) / np.float32([0.3, 0.2, 0.1])
    np.testing.assert_allclose(prepare(colours, spec)[0], expected.transpose(2, 0, 1), rtol=0, atol=1e-6)


def test_a_line_that_is_stretched(colours):
    spec = PreprocessSpec(
        height=32, resampling="pil-bicubic", fit=Fit.STRETCH, width_multiple=1, min_width=100, max_width=100
    )
    gray = np.ascontiguousarray(colours[:, :, 1])
    expected = np.asarray(Image.fromarray(gray).resize((100, 32), Image.Resampling.BICUBIC), np.float32) / 255
    np.testing.assert_array_equal(prepare(gray, spec)[0, 0], expected)


@pytest.mark.parametrize(("side", "left"), [(Side.RIGHT, 0), (Side.LEFT, 65), (Side.BOTH, 32)])
def test_padding_on_every_side(side, left):
    spec = PreprocessSpec(side=side, min_width=160, background=0.2)
    found = prepare(np.ones((48, 95), np.float32), spec)[0, 0]
    assert spec.content_left(48, 95) == left
    expected = np.full((48, 160), 0.2, np.float32)
    expected[:, left : left + 95] = 1
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_line_that_is_too_wide_is_squeezed_only_where_asked(rng):
    wide = rng.random((20, 900), dtype=np.float32)
    squeezed = prepare(wide, PreprocessSpec(fit=Fit.SQUEEZE, max_width=512))
    assert squeezed.shape == (1, 1, 48, 512)
    with pytest.raises(ImageError, match="takes at most 512"):
        prepare(wide, PreprocessSpec(max_width=512))


def test_colours_reach_the_network_in_its_order(colours):
    buffer = io.BytesIO()
    Image.fromarray(colours).save(buffer, "PNG")
    line = Line(id="a", image=buffer.getvalue(), text="")
    rgb = PreprocessSpec(channels=Channels.RGB)
    bgr = PreprocessSpec(channels=Channels.BGR)
    found = prepare(line.pixels(rgb), rgb)
    np.testing.assert_array_equal(prepare(line.pixels(bgr), bgr), found[:, ::-1])
    gray = PreprocessSpec(channels=Channels.GRAY3)
    assert line.pixels(gray).ndim == 2
    grays = prepare(line.pixels(gray), gray)
    assert (grays == grays[:, :1]).all()
    with pytest.raises(ImageError, match="expected a gray image"):
        prepare(colours, PreprocessSpec())
