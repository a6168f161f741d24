"""Where a target ended, and what that means for the exit code."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Outcome(StrEnum):
    """Where a target ended, in the order of the pipeline; a target has the first that applies."""

    PASS = "pass"  # noqa: S105 - no password
    """The text is the reference's within the budget, and so is the latency."""
    UNAVAILABLE = "unavailable"
    """The runtime, its device, or a package that its exporter needs is not there."""
    EXPORT_FAILED = "export-failed"
    """There is no artifact for it, and making one failed."""
    LOAD_FAILED = "load-failed"
    """The runtime refused the artifact."""
    RUN_FAILED = "run-failed"
    """A run failed, or returned something that breaks the contract."""
    VIOLATED = "violated"
    """Something else than the line's own image decides what it reads: a relation of `inkport metamorphic` is broken."""
    TEXT_DIFFERS = "text-differs"
    """The text is proven to differ from the reference's by more than the budget allows, for the worse or the better."""
    LATENCY_OVER_BUDGET = "latency-over-budget"
    """The text is right but too slow."""
    FELL_BACK = "fell-back"
    """The text is right, but operators ran elsewhere than on the device that was asked for."""
    INCONCLUSIVE = "inconclusive"
    """These lines are too few to say whether the text is within the budget."""


def exit_code(outcomes: Iterable[tuple[Outcome, bool]]) -> int:
    """Return 0 if none regressed, 1 if any regressed or failed, else 3: a required one is not available.

    Args:
        outcomes: Each target's outcome, and whether the target is required.
    """
    found = list(outcomes)
    if any(outcome not in {Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.UNAVAILABLE} for outcome, _ in found):
        return 1
    return 3 if (Outcome.UNAVAILABLE, True) in found else 0
