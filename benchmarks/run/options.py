"""What was asked of a run, whatever it checks."""

from __future__ import annotations

from dataclasses import dataclass

from inkport.benchmarks.measure import RESAMPLES
from inkport.core.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Options:
    """What every check is asked for.

    Raises:
        UsageError: If a number is out of range.
    """

    threads: int = 1
    """Threads that every target computes with, unless its options say otherwise."""
    seed: int = 0
    """Of all random choices."""
    skip: tuple[str, ...] = ()
    """Problems whose lines are left out."""

    def __post_init__(self) -> None:
        self.require(threads=1)

    def require(self, **least: int) -> None:
        """Refuse numbers below what is the least.

        Raises:
            UsageError: If there is one.
        """
        low = [f"{name} must be at least {number}" for name, number in least.items() if getattr(self, name) < number]
        if low:
            raise UsageError(f"{', '.join(low)}; found {', '.join(str(getattr(self, name)) for name in least)}")


@dataclass(frozen=True, kw_only=True)
class VerifyOptions(Options):
    """What `inkport verify` is asked for."""

    latency_lines: int = 200
    """Maximum number of lines timed per target; 0 skips the latency."""
    resamples: int = RESAMPLES
    """Draws for the interval of the worst writer."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(latency_lines=0, resamples=1)
