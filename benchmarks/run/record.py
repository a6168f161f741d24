"""What became of a target, whatever ran it: this process, a child, another machine, or a kit's runner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, TypeVar

from inkport.benchmarks.measure.equivalence import LEVEL, Verdict
from inkport.benchmarks.measure.estimate import FEWEST_UNITS
from inkport.benchmarks.measure.parity import DatasetScore, Parity, Score
from inkport.benchmarks.measure.units import counted
from inkport.benchmarks.run.environment import without_folders
from inkport.benchmarks.run.latency import Latency
from inkport.core.artifact import Artifact
from inkport.core.config import to_plain
from inkport.core.errors import InkportError
from inkport.core.runtime import Evidence, Placement
from inkport.core.target import Budget, LineChoice, Precision, Target


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
    """Something else than the line's own image decides what it reads: a relation of the invariance check is broken."""
    TEXT_DIFFERS = "text-differs"
    """The text is proven to differ from the reference's by more than the budget allows, for the worse or the better."""
    DIVERGED = "diverged"
    """The text may be right, but a value on the way is off by more than precision explains: a stage of a kit, or an
    operator of `inkport diagnose operators`."""
    LATENCY_OVER_BUDGET = "latency-over-budget"
    """The text is right but too slow."""
    FELL_BACK = "fell-back"
    """The text is right, but operators ran elsewhere than on the device that was asked for."""
    INCONCLUSIVE = "inconclusive"
    """These lines are too few to say whether the text is within the budget."""
    NOT_JUDGED = "not-judged"
    """The recogniser does not have what the check looks at: scores per frame, where it returns text."""
    REFERENCE = "reference"
    """It is the reference itself: compared with itself it proves nothing, so there is no verdict."""


GOOD_OR_OPEN = frozenset(
    {Outcome.PASS, Outcome.REFERENCE, Outcome.INCONCLUSIVE, Outcome.NOT_JUDGED, Outcome.UNAVAILABLE}
)
"""Outcomes that say nothing against a target."""


def exit_code(outcomes: Iterable[tuple[Outcome, bool]]) -> int:
    """Return 0 if none regressed, 1 if any regressed or failed, else 3: a required one is not available.

    Args:
        outcomes: Each target's outcome, and whether the target is required.
    """
    found = list(outcomes)
    if any(outcome not in GOOD_OR_OPEN for outcome, _ in found):
        return 1
    return 3 if (Outcome.UNAVAILABLE, True) in found else 0


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

    def not_judged(self, reason: str) -> TargetRecord:
        """Return the record of a target that has nothing for the check to look at."""
        return replace(self, outcome=Outcome.NOT_JUDGED, reason=f"Not judged: {reason}.", evidence=None)

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


NAMED_FLIPS = 3
"""How many flipped lines a reason names; the report lists all."""


def judge(parity: Parity, latency: Latency | None, placement: Placement | None, budget: Budget) -> tuple[Outcome, str]:
    """Return the outcome of a target that ran, and the reason if it does not pass.

    Args:
        parity: Its text, whose verdicts rest on ``budget.cer_margin``.
        latency: Its speed, if it was measured.
        placement: Where its operators ran, if the runtime tells.
        budget: What it may lose; each data set must keep the CER margin by itself, and no writer may be proven to
            lose more than verdicts allow for.
    """
    reasons = _proven(parity)
    worst, allowed = parity.worst_writer, parity.equivalence.writer_may_lose
    if worst is not None and worst.interval[0] > allowed:
        reasons.append(worst.sentence(allowed))
    if budget.flipped_lines is not None and parity.flipped_lines > budget.flipped_lines:
        reasons.append(_flip_reason(parity, budget.flipped_lines))
    if reasons:
        return Outcome.TEXT_DIFFERS, " ".join(reasons)
    if latency is not None and budget.p90_ms is not None and latency.p90_ms > budget.p90_ms:
        return (
            Outcome.LATENCY_OVER_BUDGET,
            f"The p90 latency is {latency.p90_ms:.2f} ms per line; the budget is {budget.p90_ms:g} ms.",
        )
    if placement is not None and placement.elsewhere:
        return Outcome.FELL_BACK, _placement_reason(placement)
    if unsettled := _unsettled(parity):
        return Outcome.INCONCLUSIVE, " ".join(unsettled)
    return Outcome.PASS, ""


def _proven(parity: Parity) -> list[str]:
    """Return a sentence for each proven difference; all lines are named where no data set alone proves it."""
    rows = [row for row in parity.datasets if _differs(row)]
    if rows or not _differs(parity):
        return [_cer_reason(row) for row in rows]
    return [_cer_reason(parity)]


def _unsettled(parity: Parity) -> list[str]:
    """Return a sentence for all lines if they leave it open, and for each data set beyond the margin that does."""
    rows = [
        row
        for row in parity.datasets
        if abs(row.delta) > row.equivalence.margin and row.equivalence.verdict is Verdict.INCONCLUSIVE
    ]
    reasons = [f"{_difference(row)} {_open_reason(row)}" for row in rows]
    if parity.equivalence.verdict is Verdict.INCONCLUSIVE and len(rows) < len(parity.datasets):
        reasons.insert(0, f"All lines together leave it open. {_open_reason(parity)}")
    return reasons


def _differs(score: Score) -> bool:
    return score.equivalence.verdict in {Verdict.WORSE, Verdict.BETTER}


def _open_reason(row: Score) -> str:
    found, kind = row.equivalence, row.interval_unit
    more = (
        f"no number of further {kind}s would settle it"
        if found.further_writers is None
        else f"about {counted(found.further_writers, kind).replace(' ', ' further ', 1)} like these would settle it"
    )
    if found.interval is None:
        return f"{counted(row.clusters, kind).capitalize()} cannot tell, it takes {FEWEST_UNITS} or more: {more}."
    low, high = found.interval
    return (
        f"The true CER difference may lie between {100 * low:+.2f} and {100 * high:+.2f} points (two one-sided tests "
        f"at {LEVEL:.0%}, with losses of up to {100 * found.largest_writer_loss:g} points on a single writer), "
        f"{100 * found.margin:g} are allowed either way: {more}."
    )


def _placement_reason(placement: Placement) -> str:
    total = sum(placement.operators.values())
    where = ", ".join(f"{count} on {place}" for place, count in sorted(placement.operators.items()))
    return f"{placement.elsewhere} of {total} operators ran elsewhere than on {placement.wanted}: {where}."


def _difference(row: Score) -> str:
    direction = "above" if row.delta > 0 else "below"
    interval = "" if row.interval is None else f", 95 % interval of the difference {_limits(row.interval)}"
    where = (row.dataset if isinstance(row, DatasetScore) else "") or "the lines"
    return (
        f"CER on {where} is {100 * abs(row.delta):.2f} points {direction} the reference's "
        f"({100 * row.cer:.2f} against {100 * row.cer_reference:.2f} %{interval})."
    )


def _limits(interval: tuple[float, float]) -> str:
    return f"{100 * interval[0]:+.2f} to {100 * interval[1]:+.2f}"


def _cer_reason(row: Score) -> str:
    verdict, margin = row.equivalence.verdict, 100 * row.equivalence.margin
    sentence = f"{_difference(row)[:-1]}; {margin:g} are allowed either way: {verdict}."
    if verdict is Verdict.BETTER:
        sentence += " It got better, which is suspicious all the same: a faithful port makes the reference's mistakes."
    return sentence


def _flip_reason(parity: Parity, allowed: int) -> str:
    named = ", ".join(flip.id for flip in parity.flips[:NAMED_FLIPS])
    more = ", ..." if len(parity.flips) > NAMED_FLIPS else ""
    lines, verb = ("line", "reads") if parity.flipped_lines == 1 else ("lines", "read")
    return f"{parity.flipped_lines} {lines} {verb} differently from the reference ({named}{more}); {allowed} may."
