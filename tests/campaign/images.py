"""Damaged images: whatever comes, ``gray_of`` and ``prepare`` give finite values in range or an ``InkportError``."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from campaign.columns import seeds_once
from campaign.damage import Rng, apply, pick, splice
from campaign.pictures import ways_for


NAME = "images"
TOLERANCE = 1e-3
"""How far a resampled value may lie outside of 0..1; the weights are float32 and add up to 1 but for rounding."""
FIFO = "fifo"
"""A pipe to which nobody writes, in the place of a file."""


def damaged(rng: Rng) -> bytes | str:
    """Return the bytes of an image that is damaged once to three times, or rarely ``FIFO``."""
    known = seeds_once()
    if rng.random() < 0.001:
        return FIFO
    data = pick(rng, known)
    return splice(data, pick(rng, known), rng) if rng.random() < 0.05 else apply(ways_for(data), data, rng)


def opened(image: bytes) -> object:
    """Return an image as its user would open it, or its bytes where Pillow opens none."""
    from inkport.core.image import FORMATS, MAX_PIXELS
    from inkport.core.image_heads import head_fault

    # What opening alone does to memory is for its user to see to.
    if head_fault(image, max_pixels=MAX_PIXELS) is None:
        with suppress(Exception):
            return Image.open(io.BytesIO(image), formats=FORMATS)
    return image


def read(image: bytes | str, folder: Path) -> object:
    """Read an image in one of the ways that ``Recogniser.read`` takes it, by its last byte."""
    from inkport.core.preprocess import PreprocessSpec, prepare
    from inkport.core.sources import gray_of

    source: Any = folder / "image"
    if isinstance(image, str):
        os.mkfifo(source)
    elif image and image[-1] % 2:
        source = (image, io.BytesIO(image), opened(image))[image[-1] // 2 % 3]
    else:
        source.write_bytes(image)
    gray = gray_of(source, name="image")
    assert gray.dtype == np.float32
    assert gray.ndim == 2
    assert gray.min() >= 0
    assert gray.max() <= 1
    spec = PreprocessSpec()
    prepared = prepare(gray, spec)
    assert prepared.shape[:3] == (1, 1, spec.height)
    values = prepared * spec.std + spec.mean
    assert np.isfinite(values).all()
    assert values.min() >= -TOLERANCE
    assert values.max() <= 1 + TOLERANCE
    return gray.shape
