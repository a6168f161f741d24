"""Golden logits: what the reference answers on fixed inputs, kept in a file so that nobody needs torch to compare."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.arrays import read_npz
from inkport.core.errors import ArtifactCorruptError
from inkport.core.files import write_atomically
from inkport.core.preprocess import PreprocessSpec
from inkport.core.runtime import Session
from inkport.core.spec import RecogniserSpec


Array = npt.NDArray[np.float32]

LINES = 3
"""Lines per width."""


@dataclass(frozen=True, kw_only=True)
class Golden:
    """Inputs of several widths with the reference's logits."""

    images: tuple[Array, ...]
    """Prepared images, each float32 (n, 1, h, w), narrowest first; ``n`` at least 2, lines all different."""
    logits: tuple[Array, ...]
    """The reference's logits for each, float32 (n, t, k)."""

    @classmethod
    def record(cls, spec: RecogniserSpec, reference: Session) -> Golden:
        """Run the reference on ``sample_images`` of three widths that the recogniser takes.

        Args:
            spec: The recogniser.
            reference: An open session of the reference; the caller closes it.
        """
        pre = spec.preprocess
        widths = sorted({min(pre.max_width, pre.min_width + n * pre.width_multiple) for n in (0, 5, 20)})
        images = tuple(sample_images(pre, width, seed=seed) for seed, width in enumerate(widths))
        return cls(images=images, logits=tuple(reference.run(batch) for batch in images))

    def save(self, path: Path) -> None:
        """Write to an ``.npz`` file, atomically."""
        arrays: dict[str, Any] = {}
        for index, (images, logits) in enumerate(zip(self.images, self.logits, strict=True)):
            arrays |= {f"images{index}": images, f"logits{index}": logits}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        write_atomically(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> Golden:
        """Read what ``save`` wrote.

        Raises:
            ArtifactCorruptError: If it is not such a file.
        """
        try:
            arrays = read_npz(path, "<f4")
            count = len(arrays) // 2
            images = tuple(arrays[f"images{index}"] for index in range(count))
            logits = tuple(arrays[f"logits{index}"] for index in range(count))
        except (OSError, ValueError, KeyError) as error:
            raise ArtifactCorruptError(f"{path}: not a file of golden logits ({error})") from error
        return cls(images=images, logits=logits)


def sample_images(spec: PreprocessSpec, width: int, *, lines: int = LINES, seed: int = 0) -> Array:
    """Draw lines with something like handwriting: a dark wavering stroke on light paper, blank at the right end.

    Args:
        spec: Preprocessing whose height and normalisation the images get.
        width: Width of the images, one that the recogniser takes.
        lines: How many lines, all different.
        seed: The same seed gives the same images.

    Returns:
        float32 (lines, 1, spec.height, width).
    """
    rng = np.random.default_rng(seed)
    gray = np.full((lines, spec.height, width), spec.background, dtype=np.float32)
    rows = np.arange(spec.height)[:, None]
    for line in gray:
        written = int(width * rng.uniform(0.7, 0.95))
        middle = spec.height * (0.5 + 0.3 * np.sin(np.cumsum(rng.uniform(0.1, 1.2, written))))
        ink = np.exp(-(((rows - middle) / rng.uniform(1.5, 3.0)) ** 2)) * (rng.random(written) > 0.15)
        line[:, :written] *= 1 - 0.9 * ink
    return ((gray - np.float32(spec.mean)) / np.float32(spec.std))[:, None]
