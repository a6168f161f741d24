"""What became of a target, whatever ran it: this process, a child, another machine, or a kit's runner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from inkport.benchmarks.measure.parity import Parity
from inkport.benchmarks.run.environment import without_folders
from inkport.benchmarks.run.latency import Latency
from inkport.benchmarks.run.outcome import Outcome
from inkport.core.artifact import Artifact
from inkport.core.config import to_plain
from inkport.core.errors import InkportError
from inkport.core.runtime import Evidence, Placement
from inkport.core.target import Budget, LineChoice, Precision, Target


S = TypeVar("S")


@dataclass(frozen=True, kw_only=True)
class ArtifactInfo:
    """Which artifact was run."""

    sha256: str
    """Its digest (``Artifact.digest``)."""
    bytes: int
    """Size of its files."""
    format: str
    """Its format."""
    precision: Precision
    """Its number format."""
    root: str
    """Digest of the weights that it descends from."""
    calibration_sha256: str | None
    """Digest of the lines that it was calibrated on, if any."""

    @classmethod
    def of(cls, artifact: Artifact) -> ArtifactInfo:
        """Describe an artifact."""
        calibration = artifact.provenance.calibration
        return cls(
            sha256=artifact.digest,
            bytes=artifact.bytes,
            format=artifact.format,
            precision=artifact.precision,
            root=artifact.root,
            calibration_sha256=calibration.sha256 if calibration else None,
        )


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Whether a target reads the same text, and how fast."""

    parity: Parity | None = None
    """Its text; absent if it did not read all lines."""
    latency: Latency | None = None
    """Its speed; absent if it did not finish, or the latency was left out."""
    line_edits: tuple[int | None, ...] | None = None
    """Its edits per line of the data, None where it did not read; absent if it read nothing."""


@dataclass(frozen=True, kw_only=True)
class TargetRecord:
    """One target: where it ended, and what was found out until there."""

    name: str
    """Name of the target."""
    runtime: str
    """Its runtime."""
    runtime_version: str = ""
    """Version of the runtime's SDK, empty if unknown."""
    device: str
    """Its device."""
    precision: Precision
    """Its number format."""
    options: Mapping[str, str]
    """Options of its runtime."""
    required: bool
    """Whether its absence is a failure of the run."""
    budget: Budget
    """What it was allowed."""
    outcome: Outcome = Outcome.PASS
    """Where it ended."""
    reason: str = ""
    """Why, in a sentence or two; empty if it passed."""
    evidence: Evidence | None = None
    """What its figures prove about the device; absent if there are none."""
    artifact: ArtifactInfo | None = None
    """What it ran; absent if there was nothing to run."""
    placement: Placement | None = None
    """Where its operators ran; absent where the runtime does not tell."""
    sample: int | None = None
    """Lines that it read, if it read some and not all; ``sample_choice`` says which."""
    sample_choice: LineChoice | None = None
    """How the lines of the sample were chosen; of fragile lines only the flips count. Absent without a sample."""
    machine: str | None = None
    """Name of the device that it ran on, one of the report's ``devices``; absent if it ran here."""
    sections: tuple[Any, ...] = ()
    """What the check found out: dataclasses, whose fields are next to these in the document."""

    @classmethod
    def of(cls, target: Target) -> TargetRecord:
        """Return the record of a target of which nothing is known yet."""
        return cls(
            name=target.name,
            runtime=target.runtime,
            device=target.device,
            precision=target.precision,
            options=target.options,
            required=target.required,
            budget=target.budget,
        )

    def failed(self, outcome: Outcome, error: Exception) -> TargetRecord:
        """Return the record of a target that ended here: the error's sentence and its fix, without folders."""
        return replace(self, outcome=outcome, reason=without_folders(sentence_of(error)) + ".")

    def section(self, of: type[S]) -> S:
        """Return what a check found out; an empty section if it did not come that far."""
        return section_of(self.sections, of)

    def having(self, section: object) -> TargetRecord:
        """Return the record with a section, in the place of one of its class."""
        return replace(self, sections=having(self.sections, section))

    @property
    def parity(self) -> Parity | None:
        """Its text; absent if it did not read all lines."""
        return self.section(Proof).parity

    @property
    def latency(self) -> Latency | None:
        """Its speed; absent if it was not measured."""
        return self.section(Proof).latency

    @property
    def line_edits(self) -> tuple[int | None, ...] | None:
        """Its edits per line of the data, None where it did not read; absent if it read nothing."""
        return self.section(Proof).line_edits


def sentence_of(error: Exception) -> str:
    """Return what an error says, and how to fix it."""
    if not isinstance(error, InkportError):
        return repr(error)
    return error.message + (f" (fix: {error.remedy})" if error.remedy else "")


def section_of(sections: Sequence[object], of: type[S]) -> S:
    """Return the section of a class; an empty one if there is none."""
    return next((section for section in sections if isinstance(section, of)), None) or of()


def having(sections: Sequence[object], section: object) -> tuple[object, ...]:
    """Return the sections with one more, in the place of one of its class."""
    return (*(other for other in sections if type(other) is not type(section)), section)


def with_sections(record: Any, classes: Sequence[type]) -> dict[str, Any]:
    """Return a record as plain data: its own fields, then those of its sections, empty ones included.

    Args:
        record: A dataclass with ``sections``.
        classes: The sections that its check has.
    """
    own = {f.name: to_plain(getattr(record, f.name)) for f in fields(record) if f.name != "sections"}
    for section in classes:
        own |= to_plain(section_of(record.sections, section))
    return own
