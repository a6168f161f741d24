"""What was asked of a run, whatever it checks."""

from __future__ import annotations

from dataclasses import dataclass

from inkport.benchmarks.measure import RESAMPLES


@dataclass(frozen=True, kw_only=True)
class Options:
    """What was asked for.

    Raises:
        ValueError: If a number is out of range.
    """

    threads: int = 1
    """Threads that each target computes with."""
    latency_lines: int = 200
    """Most lines timed per target; 0 leaves the latency out."""
    resamples: int = RESAMPLES
    """Draws for the interval of the worst writer."""
    seed: int = 0
    """Of those draws and of the order of the timed lines."""
    skip: tuple[str, ...] = ()
    """Problems whose lines are left out."""

    def __post_init__(self) -> None:
        if self.threads < 1 or self.latency_lines < 0 or self.resamples < 1:
            raise ValueError(f"threads and resamples must be at least 1, latency_lines at least 0: {self}")
