"""Lines prepared as ports do it by mistake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np
import numpy.typing as npt

from inkport.core.preprocess import PreprocessSpec, prepare


Array = npt.NDArray[np.float32]


def without_antialiasing(gray: Array, spec: PreprocessSpec) -> Array:
    """Return an image of gray (h, w) resampled with two taps, whatever the scale, float32 (1, 1, h, w)."""
    content = spec.content_width(*gray.shape)
    return _framed(_two_taps(_two_taps(gray, spec.height).T, content).T, gray, spec)


def _two_taps(image: Array, target: int) -> Array:
    place = ((np.arange(target) + 0.5) * image.shape[0] / target - 0.5).clip(0, image.shape[0] - 1)
    low = np.floor(place).astype(int)
    share = (place - low).astype(np.float32)[:, None]
    out: Array = image[low] * (1 - share) + image[np.minimum(low + 1, image.shape[0] - 1)] * share
    return out


def by_nearest(gray: Array, spec: PreprocessSpec, found: Array) -> Array:
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
    framed = spec.blank(spec.padded_width(*gray.shape))
    framed[..., : content.shape[1]] = spec.normalise(np.repeat(content[None], spec.planes, axis=0))
    return framed


def resampled_by(name: str, gray: Array, spec: PreprocessSpec) -> Callable[[], Array]:
    """Return what prepares an image by another resampling."""
    return lambda: prepare(gray, replace(spec, resampling=name))
