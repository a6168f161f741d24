"""Images lent to a session: it may read them, and the next session must read what they were before."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from inkport.core.errors import RuntimeExecutionError


Array = npt.NDArray[np.float32]

REMEDY = "have its adapter copy the images before it changes them"
"""What makes a session that writes into its input a good neighbour."""
REFUSED = ("read-only", "not writeable", "WRITEABLE")
"""What numpy, Cython and pybind11 say of an array that somebody wants to write to."""


def lend(images: Array) -> Array:
    """Return a read-only copy, in C order, for one session: whatever that does to it, nobody else sees it."""
    lent = np.array(images, order="C")
    lent.setflags(write=False)
    return lent


def check_returned(lent: Array, images: Array, *, label: str) -> None:
    """Check that a session gave back what it was lent.

    The read-only flag holds Python back, not an engine that writes through the array's address: so every bit is
    compared.

    Args:
        lent: What ``lend`` returned, after the run.
        images: What it was made from.
        label: Names the session in errors.

    Raises:
        RuntimeExecutionError: If a bit differs.
    """
    # As integers: two NaN are never equal, and 0.0 equals -0.0.
    if lent.shape != images.shape or not np.array_equal(lent.view(np.uint32), images.view(np.uint32)):
        raise RuntimeExecutionError(f"{label}: changes its input (images {images.shape})", remedy=REMEDY)


def wants_to_write(error: Exception) -> bool:
    """Whether an error says that an array is read-only, which only somebody learns who asks to write to it."""
    return isinstance(error, ValueError | BufferError | TypeError) and any(word in str(error) for word in REFUSED)


def refused_write(label: str, error: Exception) -> RuntimeExecutionError:
    """Return what to raise when a session failed because its input is read-only."""
    return RuntimeExecutionError(f"{label}: wants to write into its input, which is read-only ({error})", remedy=REMEDY)
