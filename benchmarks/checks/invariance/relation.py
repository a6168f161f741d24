"""What a relation is: a claim about every session, and a function that tries it on lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from inkport.benchmarks.checks.invariance.findings import Findings
from inkport.benchmarks.checks.invariance.subject import Sample, Subject


Check = Callable[[Subject, Sequence[Sample]], Findings]
"""Tries a relation on lines, at least one, with sessions of its own."""


@dataclass(frozen=True, kw_only=True)
class Relation:
    """One thing that must not change what a line reads."""

    name: str
    """Short name, in reports and on the command line."""
    claim: str
    """What holds for every session that keeps the contract, as a sentence."""
    check: Check
    """Tries it."""
    attempts: int = 1
    """How often a smaller example is tried before it counts as fine; above 1 where chance plays a part."""
