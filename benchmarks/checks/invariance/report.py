"""What the metamorphic checks found, as one document; ``metamorphic.schema.json`` beside this file is its schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from inkport.benchmarks.report.envelope import ArtifactInfo, DataInfo, ModelInfo, ReferenceInfo
from inkport.benchmarks.run.environment import Environment
from inkport.core.config import to_plain
from inkport.core.runtime import Evidence
from inkport.core.target import Precision
from inkport.runtimes.relations.findings import Kind


SCHEMA = 1
"""Version of the document; it changes when a field changes its meaning or goes away."""


class Status(StrEnum):
    """What became of a relation."""

    HOLDS = "holds"
    """Nothing broke it."""
    ROUNDING = "rounding"
    """A text changed, and rounding explains it; counts as holding."""
    VIOLATED = "violated"
    """It is broken."""


class Standing(StrEnum):
    """Where a target ended."""

    HOLDS = "holds"
    """Every relation holds."""
    UNAVAILABLE = "unavailable"
    """The runtime, its device, or a package that its exporter needs is not there."""
    EXPORT_FAILED = "export-failed"
    """There is no artefact for it, and making one failed."""
    LOAD_FAILED = "load-failed"
    """The runtime refused the artefact."""
    VIOLATED = "violated"
    """A relation is broken."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What was asked for."""

    threads: int
    """Threads that each target computes with, apart from the relation about threads."""
    sample: int
    """Most lines that the relations were tried on."""
    relations: tuple[str, ...]
    """Names of the relations, in the order in which they were tried."""
    seed: int = 0
    """Of the choice of lines."""
    skip: tuple[str, ...] = ()
    """Problems whose lines are left out."""


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
class TargetChecks:
    """One target: where it ended, and its relations."""

    name: str
    """Name of the target."""
    runtime: str
    """Its runtime."""
    runtime_version: str
    """Version of the runtime's SDK, empty if unknown."""
    device: str
    """Its device."""
    precision: Precision
    """Its number format."""
    options: Mapping[str, str]
    """Options of its runtime."""
    required: bool
    """Whether its absence is a failure of the run."""
    outcome: Standing
    """Where it ended."""
    reason: str
    """Why it did not come as far as its relations; empty if it did."""
    evidence: Evidence | None
    """What a run of its runtime proves here; absent if it did not run."""
    artifact: ArtifactInfo | None
    """What it ran."""
    lines: int
    """Lines that the relations were tried on."""
    relations: tuple[RelationReport, ...]
    """The relations, in order; none if it did not come that far."""


@dataclass(frozen=True, kw_only=True)
class MetamorphicReport:
    """Everything that one run found out."""

    created: str
    """When, in UTC (ISO 8601)."""
    model: ModelInfo
    """What was checked."""
    data: DataInfo
    """On lines of which sets."""
    reference: ReferenceInfo | None
    """What says what padding and width may do; absent where there is none."""
    note: str
    """Why there is no reference, if there is none."""
    options: Options
    """As asked for."""
    environment: Environment
    """Where."""
    targets: tuple[TargetChecks, ...]
    """One entry per target, in the order of the targets file."""

    @property
    def exit_code(self) -> int:
        """0 every relation holds, 1 one is violated or a target failed, 3 a required target is not available."""
        return exit_code((target.outcome, target.required) for target in self.targets)

    def to_json(self) -> str:
        """Return the document, as ``metamorphic.schema.json`` describes it."""
        document: Mapping[str, Any] = {"schema": SCHEMA, "exit_code": self.exit_code, **to_plain(self)}
        return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def exit_code(standings: Iterable[tuple[Standing, bool]]) -> int:
    """Return the exit code for targets, each with whether it is required; the same rules as those of ``verify``."""
    found = list(standings)
    if any(standing not in {Standing.HOLDS, Standing.UNAVAILABLE} for standing, _ in found):
        return 1
    return 3 if (Standing.UNAVAILABLE, True) in found else 0
