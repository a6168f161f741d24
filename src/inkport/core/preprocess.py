"""The exact definition of what a line image becomes before the network sees it.

Every device follows these steps, in this order, in plain arithmetic::

    gray (h, w) in 0..1  ->  resample to (H, round(w * H / h))  ->  pad right to a multiple with background
                         ->  (x - mean) / std  ->  float32 (1, 1, H, W)

Resampling is a separable triangle filter, defined as two matrix products: ``rows @ image @ columns.T``.
When the image shrinks, the triangle widens with the scale (antialiasing), which is what Pillow calls
BILINEAR. Padding depends on the line alone, never on the batch that it happens to be in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inkport.core.errors import ImageError, SpecError


RESAMPLING = "triangle-v1"
"""Name and version of the only resampling defined so far."""
MIN_SIDE_PX = 8
"""A line of text below 8 px in either direction cannot be read by anyone; refused rather than guessed at."""
MAX_INPUT_PIXELS = 8_000_000
"""Most pixels of the widest input: as many as a line's image may have (``inkport.core.image``). The largest of ours
has 0.1 million."""


@dataclass(frozen=True, kw_only=True)
class PreprocessSpec:
    """How a gray line image becomes the network's input; part of every artifact.

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
    resampling: str = RESAMPLING
    """Name and version of the resampling."""

    def __post_init__(self) -> None:
        if self.resampling != RESAMPLING:
            raise SpecError(
                f"resampling {self.resampling!r} is unknown, this inkport defines only {RESAMPLING!r}",
                remedy="upgrade inkport to the version that made the artifact",
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
    gray = _as_unit_float(image)
    height, width = gray.shape
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
    canvas = np.full((spec.height, padded), spec.background, dtype=np.float32)
    canvas[:, :content] = resample(gray, spec.height, content)
    canvas -= np.float32(spec.mean)
    canvas /= np.float32(spec.std)
    return canvas[None, None]


def _as_unit_float(image: npt.NDArray[np.uint8] | npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    if image.ndim != 2:
        raise ImageError(f"expected a gray image of shape (h, w), found shape {image.shape}")
    if min(image.shape) < MIN_SIDE_PX:
        raise ImageError(
            f"the image is {image.shape[1]} x {image.shape[0]} px, a line needs at least {MIN_SIDE_PX} px each way",
            remedy="pass the crop of one whole text line",
        )
    if image.dtype == np.uint8:
        gray = image.astype(np.float32)
        gray /= np.float32(255)
        return gray
    if image.dtype != np.float32:
        raise ImageError(f"expected uint8 or float32 pixels, found {image.dtype}")
    if not np.isfinite(image).all() or image.min() < 0 or image.max() > 1:
        raise ImageError("float32 pixels must be finite and within 0..1 (0 black, 1 white)")
    return image.astype(np.float32, copy=False)
