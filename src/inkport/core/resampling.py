"""Resampling as other libraries do it, to the last bit: OpenCV's and Pillow's, for recognisers that were trained on it.

All of it goes from bytes to bytes, in integers or in float32. OpenCV 5.0 and Pillow 13 are the oracles of the tests;
neither is needed here. Other versions of theirs may differ by a level here and there: OpenCV 4 rounds the weights of
its cubic kernel to 11 bits, and Pillow before 13 always begins with the columns.

Source:
    OpenCV ``modules/imgproc/src/resize.cpp`` (``resizeGeneric_``, ``ResizeArea_Invoker``, ``resizeAreaFast_``), and
    Pillow ``src/libImaging/Resample.c``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt


Pixels = npt.NDArray[np.uint8]
"""An image of bytes, (h, w) or (h, w, 3)."""
Resize = Callable[[Pixels, int, int], Pixels]
"""Resamples an image to a height and a width."""

COEFFICIENT_BITS = 11
"""Binary places of OpenCV's weights for bytes (``INTER_RESIZE_COEF_BITS``)."""
CUBIC = -0.75
"""OpenCV's parameter of the cubic kernel."""
PIL_CUBIC = -0.5
"""Pillow's parameter of the cubic kernel."""
PIL_BITS = 22
"""Binary places of Pillow's weights for bytes (``PRECISION_BITS``)."""


def cv2_linear(image: Pixels, height: int, width: int) -> Pixels:
    """Resample like ``cv2.resize(..., interpolation=cv2.INTER_LINEAR)``: two taps, whatever the scale."""
    if image.shape[:2] == (2 * height, 2 * width):
        # OpenCV takes the mean of four pixels where both sides are halved.
        return cv2_area(image, height, width)
    return _two_taps(image, _linear_places(image.shape[0], height), _linear_places(image.shape[1], width))


def cv2_cubic(image: Pixels, height: int, width: int) -> Pixels:
    """Resample like ``cv2.resize(..., interpolation=cv2.INTER_CUBIC)``: four taps, whatever the scale."""
    columns = np.moveaxis(image.astype(np.float32), 1, 0)
    rows = np.moveaxis(_weighted(columns, *_cubic_weights(image.shape[1], width)), 0, 1)
    out = _weighted(rows, *_cubic_weights(image.shape[0], height))
    return _to_bytes(np.rint(out))


def cv2_area(image: Pixels, height: int, width: int) -> Pixels:
    """Resample like ``cv2.resize(..., interpolation=cv2.INTER_AREA)``: means of areas, two taps where it enlarges."""
    if image.shape[:2] == (height, width):
        return image.copy()
    vertical, horizontal = _scale(image.shape[0], height), _scale(image.shape[1], width)
    if vertical < 1 or horizontal < 1:
        return _two_taps(image, _area_places(image.shape[0], height), _area_places(image.shape[1], width))
    if image.shape[0] % height == 0 and image.shape[1] % width == 0:
        return _means(image, image.shape[0] // height, image.shape[1] // width)
    columns = np.moveaxis(image.astype(np.float32), 1, 0)
    rows = np.moveaxis(_overlaps(columns, width), 0, 1)
    return _to_bytes(np.rint(_overlaps(rows, height)))


def pil_bilinear(image: Pixels, height: int, width: int) -> Pixels:
    """Resample like Pillow's ``BILINEAR``: a triangle that widens with the scale."""
    return _pil(image, height, width, 1.0, lambda x: np.maximum(0.0, 1.0 - np.abs(x)))


def pil_bicubic(image: Pixels, height: int, width: int) -> Pixels:
    """Resample like Pillow's ``BICUBIC``: a cubic kernel that widens with the scale."""
    return _pil(image, height, width, 2.0, lambda x: _cubic_kernel(np.abs(x), PIL_CUBIC))


def pil_lanczos(image: Pixels, height: int, width: int) -> Pixels:
    """Resample like Pillow's ``LANCZOS``: a windowed sinc of three lobes that widens with the scale."""
    return _pil(image, height, width, 3.0, lambda x: np.where(np.abs(x) < 3.0, np.sinc(x) * np.sinc(x / 3.0), 0.0))


FOREIGN: Mapping[str, Resize] = {
    "cv2-linear": cv2_linear,
    "cv2-cubic": cv2_cubic,
    "cv2-area": cv2_area,
    "pil-bilinear": pil_bilinear,
    "pil-bicubic": pil_bicubic,
    "pil-lanczos": pil_lanczos,
}
"""Resamplings of other libraries by name."""

Number = TypeVar("Number", np.int64, np.float32)

Places = tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]
"""The first of two neighbours, not clipped, and the share of the second."""


def _scale(source: int, target: int) -> float:
    # OpenCV divides twice, which decides where a sample that lies on an edge falls.
    return 1.0 / (target / source)


def _linear_places(source: int, target: int) -> Places:
    place = ((np.arange(target) + 0.5) * _scale(source, target) - 0.5).astype(np.float32)
    first = np.floor(place)
    return first.astype(np.int64), place - first


def _area_places(source: int, target: int) -> Places:
    scale, inverse = _scale(source, target), target / source
    first = np.floor(np.arange(target) * scale)
    share = ((np.arange(target) + 1) - (first + 1) * inverse).astype(np.float32)
    return first.astype(np.int64), np.where(share <= 0, np.float32(0), share - np.floor(share))


def _two_taps(image: Pixels, vertical: Places, horizontal: Places) -> Pixels:
    if len(vertical[0]) == image.shape[0] and len(horizontal[0]) == image.shape[1]:
        return image.copy()
    first, share = horizontal
    last = image.shape[1] - 1
    # At both ends OpenCV gives the whole weight to the last column, but not to the last row.
    share = np.where((first < 0) | (first >= last), np.float32(0), share)
    columns = np.moveaxis(image.astype(np.int64), 1, 0)
    near, far = _fixed(np.float32(1) - share), _fixed(share)
    taps = columns[first.clip(0, last)] * _down(near, columns)
    rows = np.moveaxis(taps + columns[(first + 1).clip(0, last)] * _down(far, columns), 0, 1)
    first, share = vertical
    last = image.shape[0] - 1
    near, far = _fixed(np.float32(1) - share), _fixed(share)
    upper = (_down(near, rows) * (rows[first.clip(0, last)] >> 4)) >> 16
    lower = (_down(far, rows) * (rows[(first + 1).clip(0, last)] >> 4)) >> 16
    return _to_bytes((upper + lower + 2) >> 2)


def _to_bytes(values: npt.NDArray[Any]) -> Pixels:
    return np.asarray(values.clip(0, 255), np.uint8)


def _fixed(share: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    return np.asarray(np.rint(share * np.float32(1 << COEFFICIENT_BITS)), np.int64)


def _down(weights: npt.NDArray[Number], image: npt.NDArray[Any]) -> npt.NDArray[Number]:
    """Shape one weight per row so that it multiplies whole rows."""
    shaped: npt.NDArray[Number] = weights.reshape(-1, *(1,) * (image.ndim - 1))
    return shaped


def _cubic_weights(source: int, target: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    first, x = _linear_places(source, target)
    a, one = np.float32(CUBIC), np.float32(1)
    weights = np.empty((target, 4), np.float32)
    weights[:, 0] = ((a * (x + one) - 5 * a) * (x + one) + 8 * a) * (x + one) - 4 * a
    weights[:, 1] = ((a + 2) * x - (a + 3)) * x * x + one
    weights[:, 2] = ((a + 2) * (one - x) - (a + 3)) * (one - x) * (one - x) + one
    weights[:, 3] = one - weights[:, 0] - weights[:, 1] - weights[:, 2]
    return first - 1, weights


def _weighted(
    samples: npt.NDArray[Number], first: npt.NDArray[np.int64], weights: npt.NDArray[Number]
) -> npt.NDArray[Number]:
    """Sum up as many neighbours as there are weights; beyond both ends the last sample counts again."""
    out = np.zeros((len(first), *samples.shape[1:]), samples.dtype)
    for tap in range(weights.shape[1]):
        out += samples[(first + tap).clip(0, len(samples) - 1)] * _down(weights[:, tap], samples)
    return out


def _means(image: Pixels, vertical: int, horizontal: int) -> Pixels:
    height, width = image.shape[0] // vertical, image.shape[1] // horizontal
    blocks = image.astype(np.int64).reshape(height, vertical, width, horizontal, *image.shape[2:])
    sums = blocks.sum(axis=(1, 3))
    if (vertical, horizontal) == (2, 2):
        return _to_bytes((sums + 2) >> 2)
    scaled = sums.astype(np.float32) * np.float32(1.0 / (vertical * horizontal))
    return _to_bytes(np.rint(scaled))


def _overlaps(samples: npt.NDArray[np.float32], target: int) -> npt.NDArray[np.float32]:
    """Mean of the samples that each target covers, by the share that lies inside (``computeResizeAreaTab``)."""
    source = len(samples)
    scale = _scale(source, target)
    out = np.zeros((target, *samples.shape[1:]), np.float32)
    for place in range(target):
        start, end = place * scale, (place + 1) * scale
        cell = min(scale, source - start)
        first, last = math.ceil(start), min(math.floor(end), source - 1)
        first = min(first, last)
        if first - start > 1e-3:
            out[place] += samples[first - 1] * np.float32((first - start) / cell)
        for index in range(first, last):
            out[place] += samples[index] * np.float32(1.0 / cell)
        if end - last > 1e-3:
            out[place] += samples[last] * np.float32(min(end - last, 1.0, cell) / cell)
    return out


def _cubic_kernel(x: npt.NDArray[np.float64], a: float) -> npt.NDArray[np.float64]:
    inner = ((a + 2.0) * x - (a + 3.0)) * x * x + 1
    outer = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1.0, inner, np.where(x < 2.0, outer, 0.0))


Kernel = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]


def _pil(image: Pixels, height: int, width: int, support: float, kernel: Kernel) -> Pixels:
    across = image.shape[1] != width
    down = image.shape[0] != height
    # Pillow 13 begins with the rows where that leaves much less to do; each order rounds otherwise.
    rows_first = image.shape[0] - height > max(0, 2 * (image.shape[1] - width))
    if down and rows_first:
        image = _pil_pass(image, height, support, kernel)
    if across:
        image = np.moveaxis(_pil_pass(np.moveaxis(image, 1, 0), width, support, kernel), 0, 1)
    if down and not rows_first:
        image = _pil_pass(image, height, support, kernel)
    return np.ascontiguousarray(image)


def _pil_pass(samples: Pixels, target: int, support: float, kernel: Kernel) -> Pixels:
    source = len(samples)
    scale = source / target
    widened = max(scale, 1.0)
    centres = (np.arange(target) + 0.5) * scale
    first = np.maximum((centres - support * widened + 0.5).astype(np.int64), 0)
    ends = np.minimum((centres + support * widened + 0.5).astype(np.int64), source)
    taps = int((ends - first).max())
    places = first[:, None] + np.arange(taps)
    weights = kernel((places - centres[:, None] + 0.5) * (1.0 / widened))
    weights[places >= ends[:, None]] = 0.0
    weights /= weights.sum(axis=1, keepdims=True)
    fixed = np.trunc(weights * (1 << PIL_BITS) + np.where(weights < 0, -0.5, 0.5)).astype(np.int64)
    wide = samples.astype(np.int64)
    rounded = _weighted(wide, first, fixed) + (1 << (PIL_BITS - 1))
    return _to_bytes(rounded >> PIL_BITS)
