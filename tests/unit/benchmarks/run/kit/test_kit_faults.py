"""Known mistakes of a stage are named, and the tolerances lie between rounding and mistakes, on the sample lines."""

from __future__ import annotations

import io
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkport.benchmarks.run.kit.faults import (
    GRAY_LEVELS,
    TENSOR_LEVELS,
    distance,
    name_gray_fault,
    name_tensor_fault,
    name_text_fault,
)
from inkport.core.charset import Charset
from inkport.core.image import load_gray
from inkport.core.preprocess import TRIANGLE_V1, PreprocessSpec, prepare


SPEC = PreprocessSpec(resampling=TRIANGLE_V1)
"""Images of floats, of which some difference is allowed."""
BYTES = PreprocessSpec()
"""Images of bytes, of which none is."""


def png(array):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def blue_ink(rng):
    """A line in blue ink on yellowish paper."""
    ink = (rng.random((64, 300, 1)) < 0.1).astype(np.float64)
    return png((ink * [30, 40, 160] + (1 - ink) * [250, 245, 225]).astype(np.uint8))


def channels(image):
    return np.asarray(Image.open(io.BytesIO(image)), dtype=np.float64)


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (lambda rgb: rgb @ [0.114, 0.587, 0.299], "has red and blue swapped"),
        (lambda rgb: rgb.mean(axis=2), "the mean of red, green and blue"),
        (lambda rgb: 255 - rgb @ [0.299, 0.587, 0.114], "ink and paper swapped"),
        (lambda rgb: 255 * (rgb @ [0.299, 0.587, 0.114]), "from 0 to 255"),
        (lambda rgb: (rgb @ [0.299, 0.587, 0.114])[::-1], "upside down"),
        (lambda rgb: (rgb @ [0.299, 0.587, 0.114])[:, ::-1], "mirrored"),
        (lambda rgb: rgb[:, :, 1], "differs by"),
        (lambda rgb: (rgb @ [0.299, 0.587, 0.114])[:, 1:], r"has shape (64, 299), expected (64, 300)"),
        (lambda rgb: np.full(rgb.shape[:2], np.nan), "NaN"),
    ],
)
def test_decoding_mistakes_are_named(blue_ink, mistake, words):
    found = (mistake(channels(blue_ink)) / 255).astype(np.float32)
    assert words in name_gray_fault(found, load_gray(blue_ink), GRAY_LEVELS, image=blue_ink)


def test_another_rounding_of_luma_is_none(blue_ink):
    luma = channels(blue_ink) @ [0.299, 0.587, 0.114]
    for found in (luma, np.floor(luma), np.ceil(luma), np.round(luma)):
        gray = (found / 255).astype(np.float32)
        assert name_gray_fault(gray, load_gray(blue_ink), GRAY_LEVELS, image=blue_ink) is None


def pillow_resize(gray, how, *, antialias=True):
    """Resize to the network's height with Pillow or, without antialiasing, by its own affine transform."""
    height, width = gray.shape
    size = SPEC.content_width(height, width), SPEC.height
    image = Image.fromarray(gray)
    if antialias:
        small = image.resize(size, how)
    else:
        steps = (width / size[0], 0, 0, 0, height / size[1], 0)
        small = image.transform(size, Image.Transform.AFFINE, steps, resample=how)
    return np.asarray(small)


def padded(content, like, shade=1.0):
    out = np.full_like(like, shade)
    out[0, 0, :, : content.shape[1]] = content
    return out


@pytest.fixture(scope="module")
def lines():
    folder = Path(str(files("inkport.benchmarks"))) / "samples"
    return [load_gray(folder / name) for name in ("rendered-fr-000000.png", "rendered-en-000000.png")]


def fault_of(found, gray, levels=TENSOR_LEVELS, spec=SPEC):
    return name_tensor_fault(found, prepare(gray, spec), levels, gray=gray, spec=spec)


def test_another_triangle_filter_and_eight_bits_are_no_fault(lines):
    for gray in lines:
        expected = prepare(gray, SPEC)
        same = padded(pillow_resize(gray, Image.Resampling.BILINEAR), expected)
        assert distance(same, expected) < 0.001
        rounded = np.rint(expected * 255).astype(np.float32) / np.float32(255)
        assert 0.05 < distance(rounded, expected) < TENSOR_LEVELS
        assert fault_of(same, gray) is fault_of(rounded, gray) is None


def test_preparing_mistakes_are_named(lines):
    for gray in lines:
        expected = prepare(gray, SPEC)
        content = SPEC.content_width(*gray.shape)
        bilinear = pillow_resize(gray, Image.Resampling.BILINEAR, antialias=False)
        nearest = pillow_resize(gray, Image.Resampling.NEAREST, antialias=False)
        assert "without antialiasing" in fault_of(padded(bilinear, expected), gray)
        assert "nearest pixel" in fault_of(padded(nearest, expected), gray)
        assert "differs by" in fault_of(padded(pillow_resize(gray, Image.Resampling.BICUBIC), expected), gray)
        assert "pads with 0.941, expected 1" in fault_of(padded(expected[0, 0, :, :content], expected, 240 / 255), gray)
        assert "-2 times" in fault_of(1 - 2 * expected, gray)
        assert "255 times" in fault_of(expected * np.float32(255), gray)
        assert "upside down" in fault_of(expected[:, :, ::-1], gray)
        assert "has shape" in fault_of(expected.transpose(0, 2, 3, 1), gray)
        assert "has shape" in fault_of(expected[0], gray)
        assert "NaN" in fault_of(expected * np.float32(np.nan), gray)
        assert "px wide, expected" in fault_of(expected[..., :-16], gray)


def test_levels_are_counted_before_normalisation(lines):
    spec = PreprocessSpec(mean=0.5, std=0.25, resampling=TRIANGLE_V1)
    gray = lines[0]
    expected = prepare(gray, spec)
    assert fault_of(expected + np.float32(0.4 / 255 / 0.25), gray, spec=spec) is None
    assert "normalised otherwise" in fault_of(expected + np.float32(0.8 / 255 / 0.25), gray, spec=spec)
    content = spec.content_width(*gray.shape)
    assert "pads with 0.5, expected 2" in fault_of(padded(expected[0, 0, :, :content], expected, 0.5), gray, spec=spec)


def test_every_golden_sample_line_tells_rounding_from_a_mistake():
    """What the tolerance's docstring says of the sample lines."""
    folder = Path(str(files("inkport.benchmarks"))) / "samples"
    for file in sorted(folder.glob("*.png"))[::12]:
        gray = load_gray(file)
        expected = prepare(gray, SPEC)
        eight = np.rint(gray * 255).astype(np.uint8)
        content = SPEC.content_width(*gray.shape)
        rounded = Image.fromarray(eight).resize((content, SPEC.height), Image.Resampling.BILINEAR)
        assert distance(padded(np.asarray(rounded) / np.float32(255), expected), expected) < TENSOR_LEVELS
        mistake = padded(pillow_resize(gray, Image.Resampling.BILINEAR, antialias=False), expected)
        assert distance(mistake, expected) > 2 * TENSOR_LEVELS


def level(image, by):
    """The image with one pixel that is not white a level lighter or darker."""
    changed = image.copy()
    changed[np.unravel_index(int(image.argmin()), image.shape)] += np.float32(by / 255)
    return changed


def test_of_bytes_no_level_may_differ_and_mistakes_keep_their_names(lines, blue_ink):
    for gray in lines:
        expected = prepare(gray, BYTES)
        content = BYTES.content_width(*gray.shape)
        assert fault_of(expected, gray, 0, BYTES) is None
        assert "differs by" in fault_of(level(expected, 1), gray, 0, BYTES)
        for how, words in ((Image.Resampling.BILINEAR, "without antialiasing"), (Image.Resampling.NEAREST, "nearest")):
            mistake = np.rint(pillow_resize(gray, how, antialias=False) * 255) / np.float32(255)
            assert words in fault_of(padded(mistake, expected), gray, 0, BYTES)
        assert "pads with 0.941, expected 1" in fault_of(
            padded(expected[0, 0, :, :content], expected, 240 / 255), gray, 0, BYTES
        )
        old = np.rint(prepare(gray, SPEC) * 255).astype(np.float32) / np.float32(255)
        assert "as triangle-v1 defines, expected triangle-v2" in fault_of(old, gray, 0, BYTES)
    right = load_gray(blue_ink)
    assert name_gray_fault(right, right, 0, image=blue_ink) is None
    assert "differs by" in name_gray_fault(level(right, 1), right, 0, image=blue_ink)
    swapped = (np.rint(channels(blue_ink) @ [0.114, 0.587, 0.299]) / 255).astype(np.float32)
    assert "red and blue swapped" in name_gray_fault(swapped, right, 0, image=blue_ink)


def test_of_paper_alone_no_mistake_is_guessed():
    """Every mistake leaves an empty line as it should be, so that what is wrong with one has another name."""
    gray = np.ones((64, 300), np.float32)
    assert "differs by" in fault_of(level(prepare(gray, BYTES), -1), gray, 0, BYTES)


CHARSET = Charset(tuple("abcd"))
LABELS = [1, 1, 0, 1, 2, 2, 0, 3, 0, 3, 3, 4]
LOGITS = np.eye(5, dtype=np.float32)[LABELS]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("aabccd", None),
        ("aaabbcccd", "keeps repeated labels"),
        ("abcd", "drops blanks before it merges repeats"),
        ("bbacbdada", "greedy decoding"),
        ("dccbaa", "is reversed"),
        ("babcadad", "takes label 0 for the first symbol"),
        ("aabcc", "takes the last label for the blank"),
        ("abbc", "is off by one label"),
        ("aabcc d", "reads 'aabcc d', greedy decoding of the logits beside it gives 'aabccd'"),
    ],
)
def test_decoding_mistakes_of_text_are_named(text, fault):
    found = name_text_fault(text, LOGITS, CHARSET)
    assert (found is None) == (fault is None)
    assert fault is None or fault in found
