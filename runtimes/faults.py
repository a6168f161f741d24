"""What is wrong with logits, in a word: a port that fails should say how, not only that it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inkport.core.runtime import contract_fault
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
        "returns probabilities, not logits": bool(np.allclose(found.sum(axis=2), 1, atol=1e-3) and found.min() >= 0),
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
