"""When enough has been measured: a stop rule on the width of the intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from inkport.benchmarks.measure.quantiles import quantile
from inkport.core.errors import UsageError


QUANTILES = (0.5, 0.9)
"""Quantiles whose intervals must be narrow enough; p99's would take ten times as many runs."""
GROWTH = 1.3
"""From one look at the data to the next their number grows by this: few looks leave little room for a lucky one."""


class Stop(StrEnum):
    """Why a measurement ended."""

    PRECISE = "precise"
    """Every interval is as narrow as was asked for."""
    MOST_QUERIES = "most-queries"
    """The cap on the number of queries was hit first."""
    MOST_TIME = "most-time"
    """The cap on the time was hit first."""


@dataclass(frozen=True, kw_only=True)
class StopRule:
    """Stop when the 95 % intervals of p50 and p90 are narrow enough, or a cap is hit.

    Raises:
        UsageError: If a setting is out of range.
    """

    precision: float = 0.1
    """Width of each interval as a share of its estimate: 0.1 is about 5 % either way."""
    least_queries: int = 64
    """Queries per target before the first look."""
    most_queries: int = 20_000
    """Cap on the queries per target."""
    most_s: float = 120.0
    """Cap on the time of one scenario, all targets together, in seconds."""

    def __post_init__(self) -> None:
        if not (self.precision > 0 and 1 <= self.least_queries <= self.most_queries and self.most_s > 0):
            raise UsageError(
                f"the stop rule needs a precision above 0, a time above 0 and most queries of at least "
                f"{self.least_queries}: {self}"
            )

    def precise(self, times: Sequence[float]) -> bool:
        """Whether the intervals of p50 and p90 are narrow enough."""
        return all(quantile(times, q).relative_width <= self.precision for q in QUANTILES)

    def next_look(self, queries: int) -> int:
        """Return at how many queries to look at the data again."""
        return min(self.most_queries, max(self.least_queries, int(queries * GROWTH) + 1))
