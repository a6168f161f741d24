"""One input of the fuzzers, by kind and number: the same seed, kind and number make the same input, anywhere."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from campaign import images
from campaign.readers import READERS
from campaign.sample import Sample, damage_sample, load_seeds, write_sample


KINDS = (images.NAME, *READERS)


@lru_cache
def _seeds(folder: Path) -> Sequence[Sample]:
    return load_seeds(folder)


def run_case(kind: str, index: int, *, seed: int, seeds: Path, folder: Path) -> object:
    """Make an input and hand it to its reader; what the reader raises goes through.

    Args:
        kind: One of ``KINDS``.
        index: Its number, from 0.
        seed: Of the campaign.
        seeds: Where ``campaign.seeds`` wrote the whole files.
        folder: An empty folder for the damaged ones.
    """
    rng = np.random.default_rng([seed, zlib.crc32(kind.encode()), index])
    if kind == images.NAME:
        image = images.damaged(rng)
        if isinstance(image, bytes):
            (folder / "bytes").write_bytes(image)
        return images.read(image, folder)
    write_sample(damage_sample(_seeds(seeds / kind), rng), folder)
    return READERS[kind].read(folder)
