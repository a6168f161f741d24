"""Pairs of least cost."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def cheapest_pairs(costs: npt.NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return pairs of rows and columns of the least total cost: as many as there are of the fewer, each used once.

    Args:
        costs: float64 (n, m), finite.

    Returns:
        Pairs (row, column), by row.

    Source:
        Kuhn, *The Hungarian method for the assignment problem* (1955), by shortest augmenting paths: Jonker & Volgenant
        (1987).
    """
    if costs.shape[0] > costs.shape[1]:
        return sorted((row, column) for column, row in cheapest_pairs(costs.T))
    rows, columns = costs.shape
    of_rows, of_columns = np.zeros(rows), np.zeros(columns)
    # Which row a column is paired with; none yet.
    owner = np.full(columns, -1)
    for row in range(rows):
        _augment(costs, row, of_rows, of_columns, owner)
    return sorted((int(owner[column]), column) for column in range(columns) if owner[column] >= 0)


def _augment(
    costs: npt.NDArray[np.float64],
    row: int,
    of_rows: npt.NDArray[np.float64],
    of_columns: npt.NDArray[np.float64],
    owner: npt.NDArray[np.int_],
) -> None:
    """Pair one more row: along the shortest path to a free column, whose pairs change hands."""
    columns = costs.shape[1]
    distance, before = np.full(columns, np.inf), np.full(columns, -1)
    done = np.zeros(columns, bool)
    reached, last = 0.0, -1
    current = row
    while True:
        slack = reached + costs[current] - of_rows[current] - of_columns
        shorter = ~done & (slack < distance)
        distance[shorter], before[shorter] = slack[shorter], last
        last = int(np.where(done, np.inf, distance).argmin())
        reached, done[last] = float(distance[last]), True
        if owner[last] < 0:
            break
        current = int(owner[last])
    of_rows[row] += reached
    passed = done.copy()
    passed[last] = False
    of_rows[owner[passed]] += reached - distance[passed]
    of_columns[passed] -= reached - distance[passed]
    while last >= 0:
        previous = int(before[last])
        owner[last] = row if previous < 0 else owner[previous]
        last = previous
