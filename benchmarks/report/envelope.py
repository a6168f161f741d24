"""The envelope of every report: what it is about, on which machine, and what became of each target.

A check adds its sections to it and to the record of each target; everything shown anywhere is a view of it.
``report.schema.json`` beside this file is made of these dataclasses.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from inkport import __version__
from inkport.benchmarks.measure.parity import PerLine, to_json_text
from inkport.benchmarks.run.environment import Environment
from inkport.benchmarks.run.latency import HostTimes
from inkport.benchmarks.run.noise import Noise
from inkport.benchmarks.run.record import (
    Proof,
    TargetRecord,
    exit_code,
    having,
    section_of,
    with_sections,
)
from inkport.benchmarks.run.request import DataInfo, ModelInfo, ReferenceInfo, VerifyOptions
from inkport.core.config import to_plain


if TYPE_CHECKING:
    # Only what runs on other machines, or with a language model, loads these; ``schema`` knows them by name.
    from inkport.benchmarks.run.device_record import DeviceReport
    from inkport.core.lm.files import Fusion


SCHEMA = 2
"""Version of all reports; it changes when a field changes its meaning or goes away. Inkport 0.1 wrote 1."""
S = TypeVar("S")


@dataclass(frozen=True, kw_only=True)
class Document:
    """What every report says of itself."""

    NAME: ClassVar[str]
    """Which check."""

    schema: int = SCHEMA
    """Version of the document."""
    maker: str = f"inkport {__version__}"
    """What wrote it."""
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    """When, in UTC (ISO 8601)."""

    @property
    def exit_code(self) -> int:
        """Exit code of the command."""
        return 0

    def plain(self) -> dict[str, Any]:
        """Return the document as plain data."""
        return self.headed(to_plain(self), self.NAME)

    def headed(self, own: dict[str, Any], check: str) -> dict[str, Any]:
        """Return the document with what it says of itself in front."""
        head = {f.name: own.pop(f.name) for f in fields(Document)}
        return {**head, "check": check, "exit_code": self.exit_code, **own}

    def to_json(self) -> str:
        """Return the document, as ``report.schema.json`` describes it.

        Raises:
            ValueError: If a number is not finite.
        """
        return to_json_text(self.plain()) + "\n"


@dataclass(frozen=True, kw_only=True)
class Together:
    """What `inkport verify` finds out about all targets together."""

    baseline: str | None = None
    """Name of the target that ``latency.speed_up`` refers to: fp32 in ONNX Runtime, if it was measured."""
    host: HostTimes | None = None
    """Times of the parts around the network; absent if the latency was left out or no target ran."""
    noise: Noise | None = None
    """How steady the machine was while the targets were timed; absent if none was."""
    per_line: PerLine | None = None
    """What each line contributes, so that ``inkport compare`` can pair the lines of two reports."""
    devices: tuple[DeviceReport, ...] = ()
    """The other machines that targets ran on."""
    lm: Fusion | None = None
    """Weights of the language model that all logits were decoded with; greedy decoding if absent."""


@dataclass(frozen=True)
class Check:
    """What a check adds to the envelope."""

    NAME: str
    """Its name in reports."""
    options: type
    """Class of its settings."""
    sections: tuple[type, ...] = ()
    """Dataclasses whose fields it adds to the report."""
    target_sections: tuple[type, ...] = ()
    """Dataclasses whose fields it adds to the record of each target."""


VERIFY = Check("verify", VerifyOptions, (Together,), (Proof,))
"""Text and speed against the reference, here and on other machines."""


@dataclass(frozen=True, kw_only=True)
class Report(Document):
    """Everything one run of a check found out."""

    check: Check = VERIFY
    """Which check: its name."""
    model: ModelInfo
    """Which model."""
    data: DataInfo
    """On which lines."""
    reference: ReferenceInfo | None = None
    """Compared with what; absent if with nothing."""
    note: str = ""
    """Why there is no reference, if one was wanted; what else was asked for and is not judged."""
    options: Any
    """As asked for."""
    environment: Environment
    """Where."""
    targets: tuple[TargetRecord, ...]
    """One entry per target, in the order of the targets file."""
    sections: tuple[Any, ...] = ()
    """What the check found out about all targets together: dataclasses, whose fields are next to these."""

    @property
    def exit_code(self) -> int:
        """0 all pass, 1 a target regressed or failed, 3 a required target is not available (and none regressed)."""
        return exit_code((target.outcome, target.required) for target in self.targets)

    def plain(self) -> dict[str, Any]:
        """Return the document as plain data, the fields of sections beside those of the envelope."""
        own = with_sections(replace(self, targets=()), self.check.sections)
        own = {key: value for key, value in own.items() if key not in {"check", "targets"}}
        targets = [with_sections(target, self.check.target_sections) for target in self.targets]
        return self.headed({**own, "targets": targets}, self.check.NAME)

    def section(self, of: type[S]) -> S:
        """Return what the check found out about all targets together; an empty section if it did not."""
        return section_of(self.sections, of)

    def having(self, section: object) -> Report:
        """Return the report with a section, in the place of one of its class."""
        return replace(self, sections=having(self.sections, section))

    @property
    def baseline(self) -> str | None:
        """Name of the target that ``latency.speed_up`` refers to."""
        return self.section(Together).baseline

    @property
    def host(self) -> HostTimes | None:
        """Times of the parts around the network."""
        return self.section(Together).host

    @property
    def noise(self) -> Noise | None:
        """How steady the machine was while the targets were timed."""
        return self.section(Together).noise

    @property
    def per_line(self) -> PerLine | None:
        """What each line contributes."""
        return self.section(Together).per_line

    @property
    def devices(self) -> tuple[DeviceReport, ...]:
        """The other machines that targets ran on."""
        return self.section(Together).devices

    @property
    def lm(self) -> Fusion | None:
        """Weights of the language model that all logits were decoded with."""
        return self.section(Together).lm
