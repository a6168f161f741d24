"""The figures of a scenario, from its times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inkport.benchmarks.measure.quantiles import Quantile, quantile
from inkport.benchmarks.measure.student import mean_interval
from inkport.benchmarks.run.machine.noise import Difference
from inkport.benchmarks.run.scenarios.queries import LINES, Scenario
from inkport.benchmarks.run.scenarios.running import Run
from inkport.benchmarks.run.scenarios.stopping import Stop


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One target in one scenario; intervals are 95 %."""

    scenario: Scenario
    """Which."""
    lines_per_query: int
    """Lines that arrive at once."""
    queries: int
    """Queries timed."""
    stop: Stop
    """Why the measurement ended."""
    p50_ms: Quantile
    """Median time of a query, in milliseconds."""
    p90_ms: Quantile
    """90th percentile."""
    p99_ms: Quantile
    """99th percentile."""
    lines_per_s: Quantile
    """Lines over the sum of the times of their queries; ``value`` is that mean, no quantile."""
    speed_up: Quantile | None
    """Median over the queries of the baseline's time divided by this target's; absent without a baseline."""
    difference: Difference | None
    """What can be said about ``speed_up`` on this machine; absent without a baseline."""
    energy_mj_per_line: float | None
    """Energy of the whole processor per line, in millijoules; absent where the machine has no counter."""


def figures(run: Run, baseline: str | None) -> dict[str, Figures]:
    """Return the figures of every target that finished.

    Args:
        run: The times.
        baseline: Name of the target that speed-ups refer to, if it finished.
    """
    base = run.ns.get(baseline) if baseline else None
    return {name: _figures(run, name, ns, base) for name, ns in run.ns.items()}


def _figures(run: Run, name: str, ns: Sequence[int], base: Sequence[int] | None) -> Figures:
    times = np.asarray(ns, dtype=np.float64) / 1e6
    ratio = None if base is None else quantile(np.divide(base, ns), 0.5)
    spent = run.energy_uj.get(name)
    return Figures(
        scenario=run.scenario,
        lines_per_query=LINES[run.scenario],
        queries=len(ns),
        stop=run.stop[name],
        p50_ms=quantile(times, 0.5),
        p90_ms=quantile(times, 0.9),
        p99_ms=quantile(times, 0.99),
        lines_per_s=rate(ns, LINES[run.scenario]),
        speed_up=ratio,
        difference=None if ratio is None or run.noise is None else run.noise.difference(ratio),
        energy_mj_per_line=None if spent is None else spent / 1e3 / run.energy_lines[name],
    )


def rate(ns: Sequence[int], lines: int) -> Quantile:
    """Return lines per second over all queries, with the interval of Student's t for the mean time of a query.

    Args:
        ns: Time of each query, in nanoseconds.
        lines: Lines per query.
    """
    seconds = np.asarray(ns, dtype=np.float64) / 1e9
    mean, (low, high) = float(seconds.mean()), mean_interval(seconds.tolist()) or (0.0, 0.0)
    return Quantile(value=lines / mean, low=lines / high if high else None, high=lines / low if low > 0 else None)
