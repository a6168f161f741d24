"""What is asked of a session at once in each scenario."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from inkport.benchmarks.run.timing import Image


class Scenario(StrEnum):
    """How lines arrive, in MLPerf's words."""

    SINGLE_STREAM = "single-stream"
    """One line at a time, the next when the last is done: a person who writes."""
    MULTI_STREAM = "multi-stream"
    """Eight lines at once, the next eight when all are done: a form with its fields."""
    OFFLINE = "offline"
    """Sixty-four lines at once: pages in a queue. What counts is lines per second."""


LINES = {Scenario.SINGLE_STREAM: 1, Scenario.MULTI_STREAM: 8, Scenario.OFFLINE: 64}
"""Lines per query; eight is MLPerf's number for its multi-stream scenario."""
BATCH = 16
"""Most lines of one width that are run at once."""
POOL = {Scenario.SINGLE_STREAM: 0, Scenario.MULTI_STREAM: 128, Scenario.OFFLINE: 32}
"""Different queries of a scenario; 0: one for each line."""
TURN = {Scenario.SINGLE_STREAM: 8, Scenario.MULTI_STREAM: 4, Scenario.OFFLINE: 1}
"""Queries that a target answers before the next one has its turn."""


@dataclass(frozen=True)
class Query:
    """Lines that are handed over at once."""

    batches: tuple[tuple[int, ...], ...]
    """Lines by their position, those of one padded width together, so that no text depends on its neighbours."""

    @property
    def lines(self) -> int:
        """How many lines it has."""
        return sum(map(len, self.batches))

    def images(self, inputs: Sequence[Image]) -> list[Image]:
        """Return the batches, each float32 (n, 1, h, w), read-only."""
        batches = [np.concatenate([inputs[line] for line in batch]) for batch in self.batches]
        for batch in batches:
            batch.setflags(write=False)
        return batches


def make_queries(inputs: Sequence[Image], scenario: Scenario, *, seed: int) -> list[Query]:
    """Return the queries of a scenario, whose lines are drawn from all with replacement.

    Args:
        inputs: Prepared lines, at least one.
        scenario: Which scenario.
        seed: Of the draw.
    """
    if scenario is Scenario.SINGLE_STREAM:
        return [Query(((line,),)) for line in range(len(inputs))]
    rng = np.random.default_rng(seed)
    draws = rng.integers(len(inputs), size=(POOL[scenario], LINES[scenario]))
    return [group_by_width(lines, inputs) for lines in draws.tolist()]


def group_by_width(lines: Sequence[int], inputs: Sequence[Image]) -> Query:
    """Return a query of these lines, in batches of one width and at most ``BATCH`` lines, narrow ones first."""
    by_width: dict[int, list[int]] = defaultdict(list)
    for line in lines:
        by_width[inputs[line].shape[3]].append(line)
    return Query(
        tuple(
            tuple(same[start : start + BATCH])
            for _, same in sorted(by_width.items())
            for start in range(0, len(same), BATCH)
        )
    )
