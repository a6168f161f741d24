"""Resampling of other libraries: OpenCV and Pillow are the oracles."""

from __future__ import annotations

import cv2  # noqa: TID251 - the oracle
import numpy as np
import pytest
from PIL import Image

from inkport.core.resampling import FOREIGN


CV2 = {"cv2-linear": cv2.INTER_LINEAR, "cv2-cubic": cv2.INTER_CUBIC, "cv2-area": cv2.INTER_AREA}
PIL = {
    "pil-bilinear": Image.Resampling.BILINEAR,
    "pil-bicubic": Image.Resampling.BICUBIC,
    "pil-lanczos": Image.Resampling.LANCZOS,
}
SHARE = {"cv2-cubic": 0.998}
"""Share of equal pixels, where it is not all: float32 sums in another order, rounded at the half. None is off by 2."""


def resized(name, image, height, width):
    if name in CV2:
        return cv2.resize(image, (width, height), interpolation=CV2[name])
    return np.asarray(Image.fromarray(image).resize((width, height), PIL[name]))


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("planes", [1, 3])
def test_every_pixel_is_the_library_s(name, planes, rng):
    equal = total = 0
    # Lines that shrink and grow, one way and both; halves and wholes, which OpenCV computes apart; the same size.
    sizes = [(64, 1080, 48, 810), (30, 200, 48, 320), (96, 640, 48, 320), (144, 960, 48, 320), (48, 100, 48, 100)]
    sizes += [(97, 640, 32, 100), (128, 30, 48, 40), (48, 100, 48, 90), (96, 100, 48, 100)]
    sizes += [tuple(int(n) for n in rng.integers(8, 120, 4)) for _ in range(20)]
    for height, width, rows, columns in sizes:
        image = rng.integers(0, 256, (height, width, 3)[: 2 if planes == 1 else 3], dtype=np.uint8)
        found, expected = FOREIGN[name](image, rows, columns), resized(name, image, rows, columns)
        assert found.dtype == np.uint8
        assert found.shape == expected.shape
        assert np.abs(found.astype(int) - expected).max() <= 1
        equal, total = equal + (found == expected).sum(), total + found.size
    assert equal >= SHARE.get(name, 1.0) * total


@pytest.mark.parametrize("name", FOREIGN)
def test_paper_stays_paper(name):
    paper = np.full((40, 300), 255, np.uint8)
    assert (FOREIGN[name](paper, 32, 211) == 255).all()
