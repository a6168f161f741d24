"""The report of ``inkport compress``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inkport.benchmarks.report.envelope import Document
from inkport.benchmarks.run.environment import Environment
from inkport.benchmarks.run.latency import Speed
from inkport.benchmarks.run.record import ArtifactInfo, Outcome
from inkport.benchmarks.run.request import DataInfo, ModelInfo, ReferenceInfo
from inkport.compress.made_stages import Status
from inkport.compress.measure import Judged, Standing
from inkport.compress.recipe import MeasureRecipe
from inkport.core.target import Precision


@dataclass(frozen=True, kw_only=True)
class StageReport:
    """One stage."""

    name: str
    """Its name."""
    kind: str
    """Its kind."""
    parent: str
    """The stage that it was made from, or ``start``."""
    settings: Mapping[str, Any]
    """Its keys in the recipe."""
    status: Status
    """How it ended."""
    reason: str
    """Why there is no artifact; empty if there is one."""
    parent_sha256: str | None
    """Digest of the parent's artifact; absent where that was not made."""
    artifact: ArtifactInfo | None
    """What it made."""


@dataclass(frozen=True, kw_only=True)
class Ancestor:
    """One step of the way back to the start."""

    stage: str
    """The stage."""
    sha256: str
    """Digest of its artifact."""


@dataclass(frozen=True, kw_only=True)
class MemberReport:
    """One member: an artifact in a runtime."""

    name: str
    """Its name."""
    stage: str
    """The stage whose artifact runs."""
    runtime: str
    """Its runtime."""
    runtime_version: str
    """Version of the runtime's SDK, empty if unknown."""
    device: str
    """Its device."""
    options: Mapping[str, str]
    """Options of its runtime."""
    precision: Precision | None
    """Its number format; absent if its stage was not made."""
    artifact: ArtifactInfo | None
    """What it runs; absent if its stage was not made."""
    lineage: tuple[Ancestor, ...]
    """From its artifact back to the start; empty if its stage was not made."""
    own_weights: bool
    """Whether its weights are not the start's: then it may read better than the start."""
    failure: Outcome | None
    """Where it failed; absent if it was measured."""
    reason: str
    """Why it failed."""
    val: Judged | None
    """Its text on val, which chooses; absent if it failed."""
    test: Judged | None
    """Its text on test, which confirms; absent without a test set."""
    standing: Standing | None
    """What val says about it at the margin."""
    standing_test: Standing | None
    """What test says."""
    speed: Speed | None
    """Its times; absent if it was not timed."""
    peak_memory_mib: float | None
    """Most memory of a fresh process that runs it, runtime included; absent if it was not measured."""
    pareto: bool
    """Whether no other member dominates it; never true of one that lacks a figure which others have."""
    dominated_by: tuple[str, ...]
    """Members that are nowhere worse and somewhere better, by the objectives."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The fastest member that keeps the budget."""

    budget: float
    """CER difference to the start that is allowed on val."""
    member: str | None
    """The member; absent if none is proven to keep the budget."""
    sentence: str
    """Why it, or why none."""


@dataclass(frozen=True, kw_only=True)
class CompressReport(Document):
    """Everything that one run found out."""

    NAME = "compress"

    recipe: str
    """Name of the recipe's file."""
    start: ModelInfo
    """What everything descends from."""
    measure: MeasureRecipe
    """How members were measured."""
    margin: float
    """CER difference to the start that verdicts are about."""
    val: DataInfo | None
    """The lines that choose; absent if no member could be measured."""
    test: DataInfo | None
    """The lines that confirm; absent without a test set."""
    reference: ReferenceInfo | None
    """What members are compared with: the start in fp32."""
    environment: Environment
    """Where it was measured."""
    baseline: str | None
    """Member that speed-ups refer to: fp32 in ONNX Runtime."""
    noise_floor: float | None
    """Relative difference that the machine makes by itself; absent if nothing was timed."""
    objectives: tuple[str, ...]
    """What the Pareto set is of, less being better: those that were measured of any member."""
    stages: tuple[StageReport, ...]
    """The stages, each after its parent."""
    members: tuple[MemberReport, ...]
    """The members, in the order of the recipe."""
    choice: Choice | None
    """What a budget chooses; absent without one."""

    @property
    def exit_code(self) -> int:
        """0 all well; 1 a stage or member failed, or none is within the budget; 3 something is not available here."""
        failed = any(stage.status is Status.FAILED for stage in self.stages)
        failed |= any(member.failure not in {None, Outcome.UNAVAILABLE} for member in self.members)
        if failed or (self.choice is not None and self.choice.member is None):
            return 1
        missing = any(stage.status is Status.UNAVAILABLE for stage in self.stages)
        return 3 if missing or any(member.failure is Outcome.UNAVAILABLE for member in self.members) else 0
