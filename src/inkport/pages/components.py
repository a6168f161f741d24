"""Connected parts of a mask, by its runs: numpy alone, for machines that have nothing else."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def components(mask: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.int64], int]:
    """Number the parts of a mask whose cells touch, at corners too.

    Args:
        mask: bool (h, w).

    Returns:
        int64 (h, w): 0 outside, 1 .. n in order of each part's first cell, row by row; and n.
    """
    height, width = mask.shape
    padded = np.zeros((height, width + 2), np.int8)
    padded[:, 1:-1] = mask
    change = np.diff(padded, axis=1)
    rows, starts = np.nonzero(change == 1)
    ends = np.nonzero(change == -1)[1]
    if not len(rows):
        return np.zeros(mask.shape, np.int64), 0
    numbers = _joined(len(rows), *_touching(rows, starts, ends, width + 2))
    _, numbers = np.unique(numbers, return_inverse=True)
    labels = np.zeros(mask.size + 1, np.int64)
    # A run begins with its number and ends by taking it back, so that the running sum is the label.
    np.add.at(labels, rows * width + starts, numbers + 1)
    np.add.at(labels, rows * width + ends, -(numbers + 1))
    return np.cumsum(labels)[:-1].reshape(mask.shape), int(numbers.max()) + 1


def _touching(
    rows: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], width: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the pairs of runs of neighbouring rows that touch: the upper run's number, and the lower one's."""
    low = np.searchsorted(rows * width + ends, (rows + 1) * width + starts, side="left")
    high = np.searchsorted(rows * width + starts, (rows + 1) * width + ends, side="right")
    counts = np.maximum(high - low, 0)
    upper = np.repeat(np.arange(len(rows)), counts)
    first = np.cumsum(counts) - counts
    return upper, np.arange(len(upper)) - np.repeat(first - low, counts)


def _joined(count: int, a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the least number that each can be reached from."""
    least: npt.NDArray[np.int64] = np.arange(count, dtype=np.int64)
    while True:
        before = least.copy()
        np.minimum.at(least, a, before[b])
        np.minimum.at(least, b, before[a])
        # Jumping to the number's own number halves the way.
        least = least[least]
        if np.array_equal(least, before):
            return least
