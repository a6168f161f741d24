"""How much slower or faster a target became between two reports of the same machine."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, sqrt
from statistics import mean

from inkport.benchmarks.checks.compare.document import Row, Run, Times
from inkport.benchmarks.measure.quantiles import mean_interval


FEWEST_WIDTHS = 3
"""Widths that two curves must share before their ratio gets an interval from them."""


@dataclass(frozen=True, kw_only=True)
class PaceChange:
    """The latency before and after."""

    before_ms: float
    """p50 in the first report, per line."""
    after_ms: float
    """p50 in the second."""
    ratio: float | None
    """``after`` over ``before``, width by width where both reports have curves; absent if not comparable."""
    interval: tuple[float, float] | None
    """95 % interval of the ratio within the two runs; absent if the reports do not give one."""
    noise: float | None
    """What the machine makes by itself, as a share: the larger noise floor, or how far the calibration load moved
    between the reports; absent if a report does not give it."""
    reason: str
    """Why the two cannot be compared; empty if they can."""

    def slower_by(self, tolerance: float) -> bool:
        """Return whether it became slower by more than ``tolerance`` (a share) and the noise, interval and all."""
        return self.interval is not None and self.interval[0] > 1 + tolerance + (self.noise or 0.0)


def pace_change(before: Row, after: Row, first: Run, second: Run) -> PaceChange | None:
    """Compare a target's times in two reports; None where one of them has none."""
    old, new = before.times, after.times
    if old is None or new is None:
        return None
    if reason := _obstacle(first, second):
        ratio, interval = None, None
    else:
        ratio, interval = _ratio(old, new)
    return PaceChange(
        before_ms=old.p50_ms,
        after_ms=new.p50_ms,
        ratio=ratio,
        interval=interval,
        noise=_noise(first, second),
        reason=reason,
    )


def _obstacle(first: Run, second: Run) -> str:
    if first.data != second.data:
        return "not the same lines"
    if differing := [key for key, value in first.machine.items() if second.machine[key] != value]:
        return f"not the same machine: {', '.join(differing)}"
    if first.timed_lines != second.timed_lines:
        return "not the same number of timed lines"
    return ""


def _noise(first: Run, second: Run) -> float | None:
    if first.floor is None or second.floor is None:
        return None
    moved = exp(abs(log(second.load_ms / first.load_ms))) - 1 if first.load_ms and second.load_ms else 0.0
    return max(first.floor, second.floor, moved)


def _ratio(old: Times, new: Times) -> tuple[float, tuple[float, float] | None]:
    """Return the ratio and its interval: by Student's t over the widths, else from the intervals of the medians."""
    logs = [
        log(time / old.points[width][0])
        for width, (time, runs) in new.points.items()
        if width in old.points and old.points[width][1] == runs
    ]
    if len(logs) == len(new.points) == len(old.points) and len(logs) >= FEWEST_WIDTHS:
        interval = mean_interval(logs)
        return exp(mean(logs)), interval and (exp(interval[0]), exp(interval[1]))
    ratio = new.p50_ms / old.p50_ms
    if old.interval is None or new.interval is None or min(*old.interval, *new.interval) <= 0:
        return ratio, None
    # The limits belong to independent runs: their distances on the log scale add like standard errors.
    down = sqrt(log(new.p50_ms / new.interval[0]) ** 2 + log(old.interval[1] / old.p50_ms) ** 2)
    up = sqrt(log(new.interval[1] / new.p50_ms) ** 2 + log(old.p50_ms / old.interval[0]) ** 2)
    return ratio, (ratio * exp(-down), ratio * exp(up))
