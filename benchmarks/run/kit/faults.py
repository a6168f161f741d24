"""What is wrong with a stage, in a word: where the values are those of a known mistake, it is named."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import groupby, product

import numpy as np
from PIL import Image

from inkport.benchmarks.run.kit.tensors import Array
from inkport.core.charset import BLANK, Charset
from inkport.core.errors import InkportError
from inkport.core.preprocess import TRIANGLE_V1, TRIANGLE_V2, PreprocessSpec, prepare


LEVEL = 1 / 255
"""One gray level of an 8-bit image."""
GRAY_LEVELS = 1.0
"""Root mean square difference of decoded images, in levels of 1/255: the rounding of luma may differ by one.

Allowed where images are floats; where they are bytes, a mistake is known again by it.
"""
TENSOR_LEVELS = 0.5
"""The same of prepared images.

On the golden sample lines, pixels rounded to 8 bits differ by up to 0.34; bilinear resizing without antialiasing, or
padding with 240 instead of 255, by 1.07 and more (``tests/unit/benchmarks/run/kit/test_kit_faults.py``).
"""


def distance(found: Array, expected: Array, *, scale: float = 1.0) -> float:
    """Return the root mean square difference in gray levels of 1/255.

    Args:
        found: What a runner shows.
        expected: What it should be, of the same shape.
        scale: How much one unit of the values is in gray values of 0..1.
    """
    return float(np.sqrt(np.mean((found.astype(np.float64) - expected) ** 2))) * scale / LEVEL


def name_gray_fault(found: Array, expected: Array, levels: float, *, image: bytes) -> str | None:
    """Compare a decoded image with what it should be.

    Args:
        found: What a runner decoded.
        expected: float32 (h, w), 0 black .. 1 white.
        levels: Allowed root mean square difference, in gray levels; 0 if no value may differ.
        image: The encoded image, for the mistakes that only its colours show.

    Returns:
        The fault in one phrase, or None if there is none.
    """
    if found.shape != expected.shape:
        return f"has shape {found.shape}, expected {expected.shape}"
    if not np.isfinite(found).all():
        return "holds NaN or infinity"
    if distance(found, expected) <= levels:
        return None
    if distance(found / np.float32(255), expected) <= levels:
        return "goes from 0 to 255 instead of 0 to 1"
    mistakes: Mapping[str, Callable[[], Array]] = {
        "has ink and paper swapped": lambda: 1 - expected,
        "has red and blue swapped": lambda: _gray(image, (0.114, 0.587, 0.299)),
        "is the mean of red, green and blue instead of their luma": lambda: _gray(image, (1 / 3, 1 / 3, 1 / 3)),
        "is upside down": lambda: expected[::-1],
        "is mirrored": lambda: expected[:, ::-1],
    }
    return _known(found, expected, mistakes, max(levels, GRAY_LEVELS), 1.0) or _difference(found, expected, levels, 1.0)


def name_tensor_fault(found: Array, expected: Array, levels: float, *, gray: Array, spec: PreprocessSpec) -> str | None:
    """Compare a prepared image with what it should be.

    Args:
        found: What a runner prepared.
        expected: float32 (1, 1, h, w).
        levels: Allowed root mean square difference, in gray levels before normalisation; 0 if no value may differ.
        gray: What it was prepared from, float32 (h, w).
        spec: How it is to be prepared.

    Returns:
        The fault in one phrase, or None if there is none.
    """
    if found.shape != expected.shape:
        return _shape_fault(found, expected)
    if not np.isfinite(found).all():
        return "holds NaN or infinity"
    off = distance(found, expected, scale=spec.std)
    if off <= levels:
        return None
    content = spec.content_width(*gray.shape)
    if distance(found[..., :content], expected[..., :content], scale=spec.std) <= levels:
        padding = float(found[..., content:].mean())
        return f"pads with {padding:.3g}, expected {float(expected[0, 0, 0, -1]):.3g}"
    near, other = max(levels, TENSOR_LEVELS), TRIANGLE_V1 if spec.in_bytes else TRIANGLE_V2
    mistakes: Mapping[str, Callable[[], Array]] = {
        "is resampled without antialiasing (two taps, whatever the scale)": lambda: _without_antialiasing(gray, spec),
        "is resampled by the nearest pixel": lambda: _nearest(gray, spec, found),
        f"is resampled as {other} defines, expected {spec.resampling}": lambda: prepare(
            gray, replace(spec, resampling=other)
        ),
        "is upside down": lambda: expected[:, :, ::-1],
        "lies at the right edge": lambda: np.roll(expected, expected.shape[3] - content, axis=3),
    }
    return (
        _known(found, expected, mistakes, near, spec.std)
        # What lies near is off here and there: a gain and an offset that fit it say nothing.
        or (_normalisation(found, expected, near * LEVEL / spec.std) if off > near else None)
        or _difference(found, expected, levels, spec.std)
    )


def name_text_fault(text: str, logits: Array, charset: Charset) -> str | None:
    """Compare a text with the greedy decoding of the logits beside it.

    Args:
        text: What a runner read.
        logits: float32 (t, k), finite.
        charset: What the labels mean.

    Returns:
        The fault in one phrase, or None if there is none.
    """
    labels = [int(label) for label in logits.argmax(axis=1)]
    merged = [label for label, _ in groupby(labels)]
    expected = charset.decode(merged)
    if text == expected:
        return None
    last = [charset.size - 1 if label == BLANK else label - 1 for label in merged]
    mistakes = {
        "keeps repeated labels": charset.decode(labels),
        "drops blanks before it merges repeats": charset.decode(
            [label for label, _ in groupby(label for label in labels if label != BLANK)]
        ),
        "takes label 0 for the first symbol, it is the blank": "".join(
            charset.symbols[label] for label in merged if label < charset.size - 1
        ),
        "takes the last label for the blank": charset.decode([label for label in merged if label != charset.size - 1]),
        "is off by one label": charset.decode([label for label in last if 0 < label < charset.size - 1]),
        "is reversed": expected[::-1],
    }
    known = next((fault for fault, wrong in mistakes.items() if wrong == text), None)
    return known or f"reads {text!r}, greedy decoding of the logits beside it gives {expected!r}"


def _shape_fault(found: Array, expected: Array) -> str:
    if found.ndim == expected.ndim and found.shape[:3] == expected.shape[:3]:
        return f"is {found.shape[3]} px wide, expected {expected.shape[3]}: padded or scaled otherwise"
    return f"has shape {found.shape}, expected {expected.shape}"


def _known(
    found: Array, expected: Array, mistakes: Mapping[str, Callable[[], Array]], levels: float, scale: float
) -> str | None:
    """Return the mistake that comes nearest, if it is near and nearer than what is right."""
    distances: dict[str, float] = {}
    for fault, make in mistakes.items():
        try:
            wrong = make()
        except (InkportError, ValueError, OSError):
            continue
        if wrong.shape == found.shape:
            distances[fault] = distance(found, wrong, scale=scale)
    nearest = min(distances, key=distances.__getitem__, default="")
    within = min(levels, np.nextafter(distance(found, expected, scale=scale), 0))
    return nearest if nearest and distances[nearest] <= within else None


def _normalisation(found: Array, expected: Array, allowed: float) -> str | None:
    """Fit ``gain * expected + offset``; a port that normalises otherwise differs by just that."""
    centred = expected.astype(np.float64) - expected.mean()
    if not (power := float((centred**2).sum())):
        return None
    gain = float((centred * found).sum()) / power
    offset = float(found.mean() - gain * expected.mean())
    residual = float(np.sqrt(np.mean((found - (gain * expected + offset)) ** 2)))
    if gain == 0 or residual > allowed * max(1.0, abs(gain)):
        return None
    return f"is normalised otherwise: {gain:.4g} times the value that it should be, and {offset:+.4g}"


def _difference(found: Array, expected: Array, levels: float, scale: float) -> str:
    difference = np.abs(found - expected)
    row, column = np.unravel_index(int(difference.argmax()), difference.shape)[-2:]
    return (
        f"differs by {distance(found, expected, scale=scale):.3g} gray levels (root mean square, {levels:g} allowed), "
        f"most at row {row}, column {column}: {found[..., row, column].item():.3g} instead of "
        f"{expected[..., row, column].item():.3g}"
    )


def _gray(image: bytes, weights: tuple[float, float, float]) -> Array:
    with Image.open(io.BytesIO(image)) as opened:
        colours = np.asarray(opened.convert("RGB"), dtype=np.float32)
    return (colours @ np.asarray(weights, dtype=np.float32)) / np.float32(255)


def _without_antialiasing(gray: Array, spec: PreprocessSpec) -> Array:
    content = spec.content_width(*gray.shape)
    return _framed(_two_taps(_two_taps(gray, spec.height).T, content).T, gray, spec)


def _two_taps(image: Array, target: int) -> Array:
    place = ((np.arange(target) + 0.5) * image.shape[0] / target - 0.5).clip(0, image.shape[0] - 1)
    low = np.floor(place).astype(int)
    share = (place - low).astype(np.float32)[:, None]
    out: Array = image[low] * (1 - share) + image[np.minimum(low + 1, image.shape[0] - 1)] * share
    return out


def _nearest(gray: Array, spec: PreprocessSpec, found: Array) -> Array:
    """Return the pixel around each place that is closest to what was found: libraries differ in which they take."""
    content = spec.content_width(*gray.shape)
    written = found[0, 0, :, :content] * np.float32(spec.std) + np.float32(spec.mean)
    rows, columns = (
        np.floor((np.arange(target) + 0.5) * source / target - 0.5).astype(int)
        for source, target in zip(gray.shape, (spec.height, content), strict=True)
    )
    best = np.full_like(written, np.inf)
    for down, right in product((-1, 0, 1), repeat=2):
        candidate = gray[(rows + down).clip(0, gray.shape[0] - 1)][:, (columns + right).clip(0, gray.shape[1] - 1)]
        best = np.where(np.abs(candidate - written) < np.abs(best - written), candidate, best)
    return _framed(best, gray, spec)


def _framed(content: Array, gray: Array, spec: PreprocessSpec) -> Array:
    """Pad and normalise an image of the right height."""
    canvas = np.full((spec.height, spec.padded_width(*gray.shape)), spec.background, dtype=np.float32)
    canvas[:, : content.shape[1]] = content
    return ((canvas - np.float32(spec.mean)) / np.float32(spec.std))[None, None]
