"""What the metamorphic checks are asked for, and what they add to the envelope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from inkport.benchmarks.report.envelope import Check
from inkport.benchmarks.run.request import Options
from inkport.runtimes.relations.findings import Kind


class Status(StrEnum):
    """What became of a relation."""

    HOLDS = "holds"
    """Nothing broke it."""
    ROUNDING = "rounding"
    """A text changed, and rounding explains it; counts as holding."""
    VIOLATED = "violated"
    """It is broken."""


@dataclass(frozen=True, kw_only=True)
class InvarianceOptions(Options):
    """What `inkport metamorphic` is asked for; one relation is about threads."""

    sample: int = 24
    """Most lines that the relations were tried on."""
    relations: tuple[str, ...] = ()
    """Names of the relations, in the order in which they were tried."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(sample=1)


@dataclass(frozen=True, kw_only=True)
class ExampleLine:
    """A line of an example."""

    id: str
    """The line's id."""
    width: int
    """Columns of its prepared image that are left, in pixels."""


@dataclass(frozen=True, kw_only=True)
class ExampleInfo:
    """The smallest example of a violation: no line can be left out, and none cut by one more width multiple."""

    kind: Kind
    """How the relation is broken."""
    lines: tuple[ExampleLine, ...]
    """The lines."""
    line: int
    """Which of them reads differently, by its place."""
    case: str
    """What was done to it."""
    fault: str
    """What is wrong with the logits, or what the run said."""
    expected_text: str | None
    """What it should have read; absent where no logits came back."""
    found_text: str | None
    """What it read."""
    difference: float | None
    """Largest difference of the logits."""
    allowed: float | None
    """How large it may be."""
    checks: int
    """Checks that the search for it took."""
    file: str | None
    """File with the images and both logits, beside the report."""


@dataclass(frozen=True, kw_only=True)
class RelationReport:
    """One relation on one target."""

    relation: str
    """Its name."""
    status: Status
    """What became of it."""
    cases: int
    """Comparisons made."""
    broken_lines: Mapping[str, int]
    """Lines that broke it, by kind."""
    largest_difference: float
    """Largest difference of logits among all comparisons."""
    note: str
    """What else there is to say."""
    example: ExampleInfo | None
    """The smallest example; absent where nothing broke it."""


@dataclass(frozen=True, kw_only=True)
class Relations:
    """What `inkport metamorphic` finds out about a target."""

    lines: int = 0
    """Lines that the relations were tried on."""
    relations: tuple[RelationReport, ...] = ()
    """The relations, in order; none if it did not come that far."""


METAMORPHIC = Check("metamorphic", InvarianceOptions, (), (Relations,))
"""Whether anything but a line's own image changes its text; the reference says what padding and width may do."""
