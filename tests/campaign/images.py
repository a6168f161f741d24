"""Damaged images: whatever comes, ``load_gray`` and ``prepare`` give finite values in range or an ``InkportError``."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

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


def read(image: bytes | str, folder: Path) -> object:
    """Read an image as bytes or, where its last byte is even, from a file."""
    from inkport.core.image import load_gray
    from inkport.core.preprocess import PreprocessSpec, prepare

    source: Path | bytes = folder / "image"
    if isinstance(image, str):
        os.mkfifo(source)
    elif image and image[-1] % 2:
        source = image
    else:
        source.write_bytes(image)
    gray = load_gray(source)
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
