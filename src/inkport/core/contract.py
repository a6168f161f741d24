"""What any session of scores must return, and what is wrong with something else, in one phrase."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def contract_fault(found: object, shape: tuple[int, int, int]) -> str | None:
    """Check what any session must return: a finite float32 array of the right shape, before any softmax.

    Args:
        found: What a session returned.
        shape: The (n, t, k) that it should have.

    Returns:
        The fault in one phrase, or None if there is none.
    """
    if not isinstance(found, np.ndarray) or found.dtype != np.float32:
        return kind_fault(found)
    if found.shape != shape:
        if found.shape[1:] == shape[1:]:
            return f"drops the batch: {found.shape[0]} lines come back for {shape[0]}"
        if (found.shape[0], *found.shape[2:]) == (shape[0], shape[2]):
            return f"returns {found.shape[1]} frames, the stride gives {shape[1]}"
        return f"returns shape {found.shape}, expected {shape}"
    if not np.isfinite(found).all():
        return "returns NaN or infinity"
    return "returns probabilities, not logits" if are_probabilities(found) else None


def kind_fault(found: object) -> str | None:
    """Return the fault of something that should be a float32 array, in one phrase; None if it is one."""
    if isinstance(found, np.ndarray) and found.dtype == np.float32:
        return None
    kind = f"{found.dtype} array" if isinstance(found, np.ndarray) else type(found).__name__
    return f"returns a {kind}, expected a float32 array"


ROUNDING = 1e-3
"""How far the sum of a frame's probabilities may lie from 1: what half precision makes of thousands of classes."""


def are_probabilities(found: npt.NDArray[np.float32]) -> bool:
    """Whether a softmax has been applied: in every frame the numbers are between 0 and 1 and their sum is 1.

    Greedy decoding reads the same text from them, but gaps, confidences and language models do not.

    Args:
        found: float32 (n, t, k).
    """
    # The extremes first: they settle it for logits without a sum.
    if not found.size or found.min() < 0 or found.max() > 1 + ROUNDING:
        return False
    return bool(np.allclose(found.sum(axis=2), 1, atol=ROUNDING))
