"""Resampling by a triangle filter in float32, for artifacts that were made before ``inkport.core.triangle``."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt


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
