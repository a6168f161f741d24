"""Logits under test: what is wrong with them, in a word, and golden ones that nobody needs torch to compare with."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.arrays import read_npz
from inkport.core.contract import contract_fault
from inkport.core.errors import ArtifactCorruptError
from inkport.core.files import write_atomically
from inkport.core.preprocess import PreprocessSpec
from inkport.core.runtime import Session
from inkport.core.spec import RecogniserSpec
from inkport.core.target import Precision


Array = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How far logits may lie from others, as a share of the others' standard deviation."""

    reference: float
    """From the reference's logits."""
    batch: float
    """Of a line in a batch from the same line alone, in the same session."""
    reason: str
    """Why this much and no more."""


TOLERANCES: Mapping[Precision, Tolerance] = {
    Precision.FP32: Tolerance(
        reference=1e-3,
        batch=1e-3,
        reason="sums in another order differ by about 1e-5; a wrong axis, weight or padding by more than 1e-1",
    ),
    Precision.FP16: Tolerance(
        reference=0.1, batch=0.1, reason="10 bits of mantissa through some 30 layers: 0.02 measured"
    ),
    Precision.BF16: Tolerance(
        reference=0.5, batch=0.5, reason="7 bits of mantissa through some 30 layers: 0.1 measured"
    ),
    Precision.INT8: Tolerance(
        reference=1.0,
        batch=0.25,
        reason="steps of 1/256 of each range add up to 0.3 measured; a batch may round a few sums to the next step",
    ),
    Precision.W8: Tolerance(
        reference=0.3, batch=0.1, reason="weights in 255 steps per output channel: 0.08 measured; activations as fp16"
    ),
    Precision.PAL6: Tolerance(
        reference=0.8, batch=0.1, reason="weights from palettes of 64 values: 0.3 measured; activations as fp16"
    ),
    Precision.PAL4: Tolerance(
        reference=2.0, batch=0.1, reason="weights from palettes of 16 values: 0.7 measured; activations as fp16"
    ),
}
"""Allowed differences by precision. They tell a right graph from a wrong one; how well it reads is for verify."""


def name_fault(found: Array, expected: Array, tolerance: float) -> str | None:
    """Compare logits with what they should be, and name the fault if it is one that ports are known for.

    Args:
        found: What a session returned.
        expected: float32 (n, t, k), what it should have returned.
        tolerance: Largest difference, as a share of the standard deviation of ``expected``.

    Returns:
        The fault in one phrase, or None if there is none.
    """
    n, t, k = expected.shape
    if fault := contract_fault(found, (n, t, k)):
        return fault
    allowed = tolerance * float(expected.std())
    if _close(found, expected, allowed):
        return None
    return _known_fault(found, expected, allowed) or _difference(found, expected, allowed)


def _known_fault(found: Array, expected: Array, allowed: float) -> str | None:
    shift = found - expected
    per_frame = np.broadcast_to(shift.mean(axis=2, keepdims=True), shift.shape)
    faults = {
        "is off by one frame (late)": _close(found[:, 1:], expected[:, :-1], allowed),
        "is off by one frame (early)": _close(found[:, :-1], expected[:, 1:], allowed),
        "drops the batch: the first line's logits come back for every line": all(
            _close(line, expected[0], allowed) for line in found
        ),
        "returns the lines in another order": all(
            any(_close(line, other, allowed) for other in expected) for line in found
        ),
        "returns logits shifted by a number per frame, as log-probabilities are": _close(shift, per_frame, allowed),
    }
    return next((fault for fault, present in faults.items() if present), None)


def _difference(found: Array, expected: Array, allowed: float) -> str:
    difference = np.abs(found - expected)
    line, frame, label = np.unravel_index(int(difference.argmax()), difference.shape)
    return (
        f"differs by {difference.max():.2g} at line {line}, frame {frame}, class {label} "
        f"(mean {difference.mean():.2g}, allowed {allowed:.2g})"
    )


def _close(a: Array, b: Array, allowed: float) -> bool:
    return a.size > 0 and float(np.abs(a - b).max()) <= allowed


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
        float32 (lines, spec.planes, spec.height, width).
    """
    rng = np.random.default_rng(seed)
    gray = np.full((lines, spec.height, width), spec.background, dtype=np.float32)
    rows = np.arange(spec.height)[:, None]
    for line in gray:
        written = int(width * rng.uniform(0.7, 0.95))
        middle = spec.height * (0.5 + 0.3 * np.sin(np.cumsum(rng.uniform(0.1, 1.2, written))))
        ink = np.exp(-(((rows - middle) / rng.uniform(1.5, 3.0)) ** 2)) * (rng.random(written) > 0.15)
        line[:, :written] *= 1 - 0.9 * ink
    return spec.normalise(np.repeat(gray[:, None], spec.planes, axis=1))
