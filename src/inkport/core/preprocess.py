"""The exact definition of what a line image becomes before the network sees it.

Every device follows these steps, in this order::

    gray, bytes (h, w)  ->  resample to (H, round(w * H / h))  ->  pad right to a multiple with background
                        ->  bytes (1, 1, H, W), the tensor stage  ->  (x / 255 - mean) / std  ->  float32 (1, 1, H, W)

Resampling is a separable triangle filter. When the image shrinks, the triangle widens with the scale (antialiasing),
which is what Pillow calls BILINEAR. Padding depends on the line alone, never on the batch that it happens to be in.

``triangle-v2`` computes in integers (``inkport.core.triangle``), so up to the tensor stage every device has the same
bytes, and from there on a table of 256 values. ``triangle-v1``, which artefacts keep that were made for it, does all of
it in float32: two matrix products, ``rows @ image @ columns.T``, whose last bits depend on the order of sums.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inkport.core.errors import ImageError, SpecError
from inkport.core.triangle import CHUNK, MOST_SAMPLES, resample_bytes


TRIANGLE_V1 = "triangle-v1"
"""Resampling in float32, for artefacts made before there was another."""
TRIANGLE_V2 = "triangle-v2"
"""Resampling in integers."""
RESAMPLINGS = (TRIANGLE_V1, TRIANGLE_V2)
"""All names and versions."""
MIN_SIDE_PX = 8
"""A line of text below 8 px in either direction cannot be read by anyone; refused rather than guessed at."""
MAX_INPUT_PIXELS = 8_000_000
"""Most pixels of the widest input: as many as a line's image may have (``inkport.core.image``). The largest of ours
has 0.1 million."""


@dataclass(frozen=True, kw_only=True)
class PreprocessSpec:
    """How a gray line image becomes the network's input; part of every artefact.

    Raises:
        SpecError: If a value is out of range or the resampling is unknown.
    """

    height: int = 48
    """Height of the network's input, in pixels."""
    width_multiple: int = 16
    """The padded width is a multiple of this, in pixels."""
    min_width: int = 32
    """Narrowest padded width, in pixels."""
    max_width: int = 2048
    """Widest padded width, in pixels; a longer line is refused, never squeezed."""
    mean: float = 0.0
    """Subtracted from the gray value (0 black .. 1 white)."""
    std: float = 1.0
    """Divides what is left."""
    background: float = 1.0
    """Gray value (0..1) of the padding, before normalisation."""
    resampling: str = TRIANGLE_V2
    """Name and version of the resampling."""

    def __post_init__(self) -> None:
        if self.resampling not in RESAMPLINGS:
            raise SpecError(
                f"resampling {self.resampling!r} is unknown, this inkport defines {' and '.join(RESAMPLINGS)}",
                remedy="upgrade inkport to the version that made the artefact",
            )
        if self.in_bytes and max(self.height, self.max_width) > MOST_SAMPLES:
            raise SpecError(
                f"{TRIANGLE_V2} is defined for sides of at most {MOST_SAMPLES} px, inputs may have {self.height} x "
                f"{self.max_width} px",
                remedy="lower max_width",
            )
        if min(self.height, self.width_multiple, self.min_width) < 1:
            raise SpecError(f"height, width_multiple and min_width must be at least 1: {self}")
        if self.min_width % self.width_multiple or self.max_width % self.width_multiple:
            raise SpecError(f"min_width and max_width must be multiples of width_multiple: {self}")
        if self.max_width < self.min_width:
            raise SpecError(f"max_width {self.max_width} is below min_width {self.min_width}")
        if self.height * self.max_width > MAX_INPUT_PIXELS:
            raise SpecError(
                f"inputs of {self.height} x {self.max_width} px have more than {MAX_INPUT_PIXELS} pixels",
                remedy="lower max_width",
            )
        if not self.std > 0 or not 0 <= self.background <= 1:
            raise SpecError(f"std must be above 0 and background within 0..1: {self}")

    @property
    def in_bytes(self) -> bool:
        """Whether the image is bytes until it is normalised, so that every device has the same ones."""
        return self.resampling == TRIANGLE_V2

    @property
    def background_level(self) -> int:
        """The padding as a byte."""
        return math.floor(255 * self.background + 0.5)

    def content_width(self, height: int, width: int) -> int:
        """Return the width, in pixels, of an image of ``height`` x ``width`` once it has our height."""
        return max(1, (2 * width * self.height + height) // (2 * height))

    def padded_width(self, height: int, width: int) -> int:
        """Return the network's input width for an image of ``height`` x ``width`` pixels."""
        content = max(self.content_width(height, width), self.min_width)
        return -(-content // self.width_multiple) * self.width_multiple


def triangle_taps(source: int, target: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return the entries that are not zero in the matrix that resamples ``source`` samples to ``target``.

    Row ``j`` of the matrix holds ``weights[j, k]`` in column ``first[j] + k``, wherever that column exists.

    Returns:
        ``indices`` int64 (target, taps), clipped to ``0 .. source - 1``, and ``weights`` float32 (target, taps),
        0 where an index was clipped; each row of weights sums to 1 up to float32 rounding.

    Source:
        The triangle ("bilinear") filter with support scaled by the reduction, as in Pillow's
        ``Resample.c`` (``precompute_coeffs``); pixel centres lie at half-integers.
    """
    scale = source / target
    support = max(scale, 1.0)
    centres = ((np.arange(target) + 0.5) * scale)[:, None]
    first = np.floor(centres - support - 0.5).astype(np.int64) + 1
    columns = first + np.arange(math.ceil(2 * support))
    weights = np.maximum(0.0, 1.0 - np.abs(columns + 0.5 - centres) / support)
    weights[(columns < 0) | (columns >= source)] = 0.0
    weights /= weights.sum(axis=1, keepdims=True)
    return columns.clip(0, source - 1), weights.astype(np.float32)


def resample(image: npt.NDArray[np.float32], height: int, width: int) -> npt.NDArray[np.float32]:
    """Resample float32 (h, w) to (``height``, ``width``) with the triangle filter.

    A row of either matrix has a handful of entries that are not zero, so they are applied tap by tap: a
    fraction of the matrix products' time, and float32 sums in an order that no BLAS library chooses.
    """
    rows = _resample_rows(image, height)
    return np.ascontiguousarray(_resample_rows(np.ascontiguousarray(rows.T), width).T)


def _resample_rows(image: npt.NDArray[np.float32], target: int) -> npt.NDArray[np.float32]:
    indices, weights = triangle_taps(image.shape[0], target)
    out = image[indices[:, 0]]
    out *= weights[:, :1]
    # One buffer for all taps: arrays of this size cost more to allocate than to fill.
    part = np.empty_like(out)
    for tap in range(1, indices.shape[1]):
        image.take(indices[:, tap], axis=0, out=part, mode="clip")
        part *= weights[:, tap, None]
        out += part
    return out


def prepare(image: npt.NDArray[np.uint8] | npt.NDArray[np.float32], spec: PreprocessSpec) -> npt.NDArray[np.float32]:
    """Turn one gray line image into the network's input.

    Args:
        image: (h, w); uint8 0..255 or float32 0..1, white paper high.
        spec: The recogniser's preprocessing.

    Returns:
        float32 (1, 1, spec.height, W), W a multiple of ``spec.width_multiple``.

    Raises:
        ImageError: If the array is not a gray image, too small or too narrow to hold a line, not finite, or
            too wide.
    """
    if spec.in_bytes:
        return normalise(prepare_bytes(image, spec), spec)
    _check_array(image)
    content, padded = _checked_widths(image.shape[0], image.shape[1], spec)
    gray = image.astype(np.float32, copy=False)
    if image.dtype == np.uint8:
        gray /= np.float32(255)
    canvas = np.full((spec.height, padded), spec.background, dtype=np.float32)
    canvas[:, :content] = resample(gray, spec.height, content)
    canvas -= np.float32(spec.mean)
    canvas /= np.float32(spec.std)
    return canvas[None, None]


def prepare_bytes(
    image: npt.NDArray[np.uint8] | npt.NDArray[np.float32], spec: PreprocessSpec
) -> npt.NDArray[np.uint8]:
    """Turn one gray line image into the tensor stage of ``triangle-v2``, from which ``normalise`` makes the input.

    Args:
        image: As for ``prepare``.
        spec: The recogniser's preprocessing, with ``triangle-v2``.

    Returns:
        uint8 (1, 1, spec.height, W), W a multiple of ``spec.width_multiple``.

    Raises:
        SpecError: If the resampling is not ``triangle-v2``.
        ImageError: As for ``prepare``.
    """
    if not spec.in_bytes:
        raise SpecError(f"{spec.resampling} has no tensor of bytes", remedy="use prepare()")
    pixels = to_bytes(image)
    content, padded = _checked_widths(pixels.shape[0], pixels.shape[1], spec)
    canvas = np.full((spec.height, padded), spec.background_level, dtype=np.uint8)
    canvas[:, :content] = resample_bytes(pixels, spec.height, content)
    return canvas[None, None]


def normalise(tensor: npt.NDArray[np.uint8], spec: PreprocessSpec) -> npt.NDArray[np.float32]:
    """Turn bytes into the network's input: each of the 256 has one value, ``(x / 255 - mean) / std`` in float32.

    This is the first step of the network and not of the preparing. It stands outside the exported graphs because not
    every format has an input of bytes (ncnn and Core ML have none), and 256 values cannot differ between devices.

    Args:
        tensor: uint8 of any shape.
        spec: The recogniser's preprocessing.

    Returns:
        float32 of the same shape.
    """
    values = tensor.astype(np.float32)
    values /= np.float32(255)
    # Most recognisers take 0..1, and a pass over the image that changes nothing takes its time.
    if spec.mean != 0:
        values -= np.float32(spec.mean)
    if spec.std != 1:
        values /= np.float32(spec.std)
    return values


def to_bytes(image: npt.NDArray[np.uint8] | npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Return a gray image as bytes, the gray stage of ``triangle-v2``; 16-bit gray is rounded, ``(v + 128) / 257``.

    Args:
        image: As for ``prepare``.

    Raises:
        ImageError: If the array is no gray image of a line.
    """
    _check_array(image)
    if image.dtype == np.uint8:
        return image.astype(np.uint8, copy=False)
    pixels = np.empty(image.shape, np.uint8)
    # A block of columns at a time, which stays in the cache as in resample_bytes.
    for start in range(0, image.shape[1], CHUNK):
        levels = image[:, start : start + CHUNK] * np.float32(255)
        pixels[:, start : start + CHUNK] = np.rint(levels, out=levels)
    return pixels


def _checked_widths(height: int, width: int, spec: PreprocessSpec) -> tuple[int, int]:
    """Return the width of the content and of the padded image, in pixels."""
    content = spec.content_width(height, width)
    padded = spec.padded_width(height, width)
    if content < MIN_SIDE_PX:
        raise ImageError(
            f"the image is {width} x {height} px, which leaves {content} px of width at height {spec.height}; "
            f"a text line needs at least {MIN_SIDE_PX}",
            remedy="turn the image so that its text runs from left to right, and pass the crop of one line",
        )
    if padded > spec.max_width:
        raise ImageError(
            f"the line is {width} x {height} px, that is {content} px wide at height {spec.height}; "
            f"this recogniser takes at most {spec.max_width}",
            remedy="cut the image into shorter lines; one image must hold one line of text",
        )
    return content, padded


def _check_array(image: npt.NDArray[np.uint8] | npt.NDArray[np.float32]) -> None:
    if image.ndim != 2:
        raise ImageError(f"expected a gray image of shape (h, w), found shape {image.shape}")
    if min(image.shape) < MIN_SIDE_PX:
        raise ImageError(
            f"the image is {image.shape[1]} x {image.shape[0]} px, a line needs at least {MIN_SIDE_PX} px each way",
            remedy="pass the crop of one whole text line",
        )
    if image.dtype == np.uint8:
        return
    if image.dtype != np.float32:
        raise ImageError(f"expected uint8 or float32 pixels, found {image.dtype}")
    # A NaN is the least and the largest of any pixels that it is among, and fails both comparisons.
    if not (image.min() >= 0 and image.max() <= 1):
        raise ImageError("float32 pixels must be finite and within 0..1 (0 black, 1 white)")
