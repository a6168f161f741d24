"""``triangle-v2``: the triangle filter in integers, bytes in and bytes out, the same ones on every machine.

For n source and m target samples, source i and target j, all in integers of 64 bits::

    N_ij = max(0, 2 max(n, m) - |(2 i + 1) m - (2 j + 1) n|)          T_j = sum_i N_ij
    w_ij = floor((2^(S + 1) N_ij + T_j) / (2 T_j))                     the share N_ij / T_j in units of 2^-S, rounded
    out_j = min(255, (sum_i w_ij p_i + 2^(S - 1)) >> S)                p_i and out_j are bytes

An image is resampled along its height first, rounded to bytes, and then along its width. No sum reaches 2^24, so each
is exact in float32 too, in any order: a matrix product of floats gives the same bytes as a loop over integers.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from inkport.core.errors import ImageError


SHIFT = 11
"""S, the bits of a weight.

255 * 2^S must stay below 2^24, which allows 15; weights of 11 bits are also exact in fp16 and TF32. What both lose is
measured: docs/results/triangle-v2.md.
"""
MOST_SAMPLES = 1 << 15
"""Most samples along a side, of the source and of the target. Weights are rounded one by one, so that those of a pixel
may sum to 2^S and half of their number more: with 2^16 weights and S = 15 sums still stay below 2^24."""
CHUNK = 256
"""Columns that are made lower at a time: what they take stays in a core's cache."""


def resample_bytes(
    image: npt.NDArray[np.uint8], height: int, width: int, *, shift: int = SHIFT
) -> npt.NDArray[np.uint8]:
    """Resample a gray image to (``height``, ``width``) as ``triangle-v2`` defines.

    Args:
        image: uint8 (h, w).
        height: Rows of the result.
        width: Columns of the result.
        shift: Bits of a weight; artifacts are made for ``SHIFT`` alone.

    Raises:
        ImageError: If a side of the image or of the result is empty or longer than ``MOST_SAMPLES``.
    """
    if not all(1 <= side <= MOST_SAMPLES for side in (*image.shape, height, width)):
        raise ImageError(
            f"an image of {image.shape[1]} x {image.shape[0]} px cannot become {width} x {height} px: triangle-v2 is "
            f"defined for sides of 1 to {MOST_SAMPLES} px",
            remedy="make the image smaller",
        )
    rows, columns = image.shape
    low = np.empty((columns, height), np.float32)
    for start in range(0, columns, CHUNK):
        part = image[:, start : start + CHUNK].astype(np.float32)
        np.floor(_apply(part, rows, height, shift).T, out=low[start : start + CHUNK])
    return _apply(low, columns, width, shift).astype(np.uint8).T


def resample_planes(image: npt.NDArray[np.uint8], height: int, width: int) -> npt.NDArray[np.uint8]:
    """Resample gray (h, w) or colours (h, w, c) to (height, width, c), each channel by itself as ``resample_bytes``."""
    planes = image[..., None] if image.ndim == 2 else image
    parts = [resample_bytes(np.ascontiguousarray(planes[..., i]), height, width) for i in range(planes.shape[2])]
    return np.stack(parts, axis=-1)


@lru_cache(maxsize=64)
def integer_taps(source: int, target: int, shift: int = SHIFT) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the weights that are not zero, tap by tap; kept, because a line set has few heights.

    Args:
        source: Samples that there are, 1 .. ``MOST_SAMPLES``.
        target: Samples that they become, 1 .. ``MOST_SAMPLES``.
        shift: Bits of a weight.

    Returns:
        ``indices`` and ``weights``, int64 (taps, target), read-only: target j is the sum of ``weights[k, j]`` times
        source ``indices[k, j]``. Indices are clipped to ``0 .. source - 1``, and weights 0 where they were.
    """
    reach = 2 * max(source, target)
    centres = (2 * np.arange(target, dtype=np.int64) + 1) * source
    first = (centres - reach - target) // (2 * target) + 1
    indices = first + np.arange(-(-reach // target))[:, None]
    inside = np.minimum(np.maximum(indices, 0), source - 1)
    # float64 from here on, which divides faster than integers: all values are integers below 2^53, and a quotient of at
    # most 2^15 whose divisor is below 2^37 is never rounded up to the next integer.
    shares = np.abs((2.0 * target) * np.arange(len(indices))[:, None] + ((2 * first + 1) * target - centres))
    np.subtract(reach, shares, out=shares)
    np.maximum(shares, 0, out=shares)
    shares *= indices == inside
    total = shares.sum(axis=0)
    shares *= 2.0 ** (shift + 1)
    shares += total
    shares /= 2 * total
    weights = np.floor(shares).astype(np.int64)
    inside.setflags(write=False)
    weights.setflags(write=False)
    return inside, weights


def _apply(image: npt.NDArray[np.float32], source: int, target: int, shift: int) -> npt.NDArray[np.float32]:
    """Resample the rows of an image of whole numbers 0..255; the integral part of the result is the byte."""
    if source == target:
        return image
    indices, weights = integer_taps(source, target, shift)
    # A power of two changes no digit: sums of these are as exact as sums of integers.
    shares = (weights * 2.0**-shift).astype(np.float32)[:, :, None]
    out: npt.NDArray[np.float32] = image.take(indices[0], axis=0)
    out *= shares[0]
    # One buffer for all taps: arrays of this size cost more to allocate than to fill.
    part = np.empty_like(out)
    for index, share in zip(indices[1:], shares[1:], strict=True):
        image.take(index, axis=0, out=part, mode="clip")
        part *= share
        out += part
    out += np.float32(0.5)
    # White is exceeded only where weights sum to so much more than 2^S that it makes half a level of it.
    if 510 * (int(weights.sum(axis=0).max()) - (1 << shift)) >= 1 << shift:
        np.minimum(out, np.float32(255), out=out)
    return out
