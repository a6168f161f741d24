"""The report: one document with a schema version; everything shown anywhere is a view of it.

``report.schema.json`` beside this file is its JSON Schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inkport.benchmarks.measure.parity import Parity
from inkport.benchmarks.measure.per_line import PerLine, to_json_text
from inkport.benchmarks.run.device_record import DeviceReport
from inkport.benchmarks.run.environment import Environment
from inkport.benchmarks.run.host_times import HostTimes
from inkport.benchmarks.run.latency import Latency
from inkport.benchmarks.run.machine.noise import Noise
from inkport.benchmarks.run.options import Options
from inkport.benchmarks.run.outcome import Outcome, exit_code
from inkport.core.artifact import Artifact
from inkport.core.config import to_plain
from inkport.core.lm.files import Fusion
from inkport.core.runtime import Evidence, Placement
from inkport.core.target import Budget, LineChoice, Precision


SCHEMA = 1
"""Version of the report; it changes when a field changes its meaning or goes away."""


@dataclass(frozen=True, kw_only=True)
class ArtifactInfo:
    """Which artefact was run."""

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
        """Describe an artefact."""
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
class ModelInfo:
    """Which model was verified."""

    name: str
    """Name of the recogniser."""
    version: str
    """Version of its weights."""
    charset_sha256: str
    """Digest of its charset."""
    height: int
    """Height of its input, in pixels."""
    stride: int
    """Columns of its input per frame."""
    artifact: ArtifactInfo
    """What was handed in as the model."""


@dataclass(frozen=True, kw_only=True)
class SkippedLine:
    """A line left out by request."""

    id: str
    """The line's id."""
    problem: str
    """What is wrong with it."""
    detail: str
    """The sentence that says so."""


@dataclass(frozen=True, kw_only=True)
class DataInfo:
    """Which lines were read."""

    sha256: str
    """Digest of ids, texts and images, in order (``inkport.lines.source.digest_lines``)."""
    sources: tuple[str, ...]
    """Names of the files or folders, without their paths."""
    lines: int
    """Lines read."""
    skipped: tuple[SkippedLine, ...]
    """Lines left out."""
    trained_on: int | None = None
    """Lines read that the model was trained on; absent where its provenance does not record its lines."""


@dataclass(frozen=True, kw_only=True)
class ReferenceInfo:
    """What all targets were compared with."""

    runtime: str
    """Name of the runtime."""
    runtime_version: str
    """Version of its SDK."""
    device: str
    """Device of the runtime."""
    precision: Precision
    """Number format."""
    note: str
    """Why it is not torch, if it is not."""
    artifact: ArtifactInfo
    """What it ran."""


@dataclass(frozen=True, kw_only=True)
class TargetReport:
    """One target: where it ended, and what was measured until there."""

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
    outcome: Outcome
    """Where it ended."""
    reason: str
    """Why, in a sentence or two; empty if it passed."""
    evidence: Evidence | None
    """What its figures prove about the device; absent if there are none."""
    sample: int | None
    """Lines that it read, if it read some and not all; ``sample_choice`` says which."""
    placement: Placement | None
    """Where its operators ran; absent where the runtime does not tell."""
    options: Mapping[str, str]
    """Options of its runtime."""
    required: bool
    """Whether its absence is a failure of the run."""
    budget: Budget
    """What it was allowed."""
    artifact: ArtifactInfo | None
    """What it ran; absent if there was nothing to run."""
    parity: Parity | None
    """Its text; absent if it did not read all lines."""
    latency: Latency | None
    """Its speed; absent if it did not finish, or the latency was left out."""
    sample_choice: LineChoice | None = None
    """How the lines of the sample were chosen; of fragile lines only the flips count. Absent without a sample."""
    line_edits: tuple[int | None, ...] | None = None
    """Its edits per line of the data, None where it did not read; absent if it read nothing."""
    machine: str | None = None
    """Name of the device that it ran on, one of the report's ``devices``; absent if it ran here."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything one run of the harness found out."""

    created: str
    """When, in UTC (ISO 8601)."""
    model: ModelInfo
    """What was verified."""
    data: DataInfo
    """On which lines."""
    reference: ReferenceInfo
    """Compared with what."""
    options: Options
    """As asked for."""
    environment: Environment
    """Where."""
    baseline: str | None
    """Name of the target that ``latency.speed_up`` refers to: fp32 in ONNX Runtime, if it was measured."""
    host: HostTimes | None
    """Times of the parts around the network; absent if the latency was left out or no target ran."""
    targets: tuple[TargetReport, ...]
    """One entry per target, in the order of the targets file."""
    noise: Noise | None = None
    """How steady the machine was while the targets were timed; absent if none was."""
    per_line: PerLine | None = None
    """What each line contributes, so that ``inkport compare`` can pair the lines of two reports."""
    devices: tuple[DeviceReport, ...] = ()
    """The other machines that targets ran on."""

    lm: Fusion | None = None
    """Weights of the language model that all logits were decoded with; greedy decoding if absent."""

    @property
    def exit_code(self) -> int:
        """0 all pass, 1 a target regressed or failed, 3 a required target is not available (and none regressed)."""
        return exit_code((target.outcome, target.required) for target in self.targets)

    def to_json(self) -> str:
        """Return the document, as ``report.schema.json`` describes it."""
        document: Mapping[str, Any] = {"schema": SCHEMA, "exit_code": self.exit_code, **to_plain(self)}
        return to_json_text(document) + "\n"
