"""Judging a result on any machine: it must be of this kit; then each stage, the text, and the time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from inkport.benchmarks.checks.kit.run import wanted_tensors
from inkport.benchmarks.measure.changes import Change
from inkport.benchmarks.measure.parity import Flip, Parity, compare, score
from inkport.benchmarks.measure.quantiles import Percentiles
from inkport.benchmarks.report.envelope import Document
from inkport.benchmarks.run.kit.judge import Finding, State, is_decodable, judge_stages
from inkport.benchmarks.run.kit.manifest import KitTarget
from inkport.benchmarks.run.kit.open import Kit
from inkport.benchmarks.run.kit.result import Result, RunnerInfo
from inkport.benchmarks.run.kit.signature import KitSignature
from inkport.benchmarks.run.kit.stages import Stage
from inkport.benchmarks.run.outcome import Outcome, exit_code
from inkport.benchmarks.run.record import Proof, TargetRecord
from inkport.benchmarks.run.verdict import judge
from inkport.core.ctc import Emission, Transcription, greedy
from inkport.core.errors import SpecMismatchError
from inkport.core.runtime import Evidence


@dataclass(frozen=True, kw_only=True)
class KitCheck(Document):
    """The judgement of a kit's result."""

    NAME = "kit-check"

    kit: str
    """Digest of the kit."""
    signature: KitSignature
    """Who signed the kit, as far as that is known."""
    target: KitTarget
    """What was run."""
    artifact: str
    """Digest of its artifact."""
    runner: RunnerInfo
    """What ran it."""
    environment: Mapping[str, Any]
    """Where, in the runner's words."""
    start: Stage
    """The stage whose golden values the runner was given."""
    stages: tuple[Finding, ...]
    """Every stage but the image, in order."""
    first_wrong: Stage | None
    """The first stage that went wrong."""
    outcome: Outcome
    """What the text and the time make of it."""
    reason: str
    """Why, if it is not a pass."""
    parity: Parity
    """The text."""
    times: Percentiles | None
    """The runner's own times; absent where it has none or they prove nothing."""

    @property
    def exit_code(self) -> int:
        """0 if no stage is wrong and the budget is kept, else 1."""
        return 1 if self.first_wrong else exit_code([(self.outcome, True)])

    def record(self, target: TargetRecord) -> TargetRecord:
        """Return the record of the target that was run.

        The first stage that is wrong does not decide, but tells where to look.
        """
        reason = self.reason
        if wrong := next((finding for finding in self.stages if finding.stage is self.first_wrong), None):
            where = f"{wrong.wrong_lines} of {wrong.lines} lines, first {wrong.line}"
            reason += f" The first stage off its golden values is {wrong.stage}: {wrong.fault} ({where})."
        return replace(
            target,
            runtime=self.runner.engine,
            runtime_version=self.runner.version,
            device=self.runner.device or target.device,
            outcome=self.outcome,
            reason=reason.strip(),
            evidence=self.runner.evidence,
            sections=(Proof(parity=self.parity),),
        )


def check_kit(kit: Kit, result: Result) -> KitCheck:
    """Judge a result.

    Args:
        kit: An open kit.
        result: An open result.

    Raises:
        SpecMismatchError: If the result is of another kit, artifact or line set, or lacks what it says that it shows.
        ArtifactCorruptError: If a tensor of it is not a tensor file.
    """
    refuse_stranger(kit, result)
    target = kit.target(result.document.target)
    stages = judge_stages(kit, result)
    parity = compare(
        kit.lines,
        score(kit.lines, _reference(kit)),
        score(kit.lines, _readings(kit, result)),
        margin=target.budget.cer_margin,
        largest_writer_loss=target.budget.largest_writer_loss,
    )
    times = _times(result)
    outcome, reason = judge(parity, None, None, target.budget)
    limit = target.budget.p90_ms
    if outcome in (Outcome.PASS, Outcome.INCONCLUSIVE) and times and limit is not None and times.p90_ms > limit:
        outcome = Outcome.LATENCY_OVER_BUDGET
        reason = f"The p90 time is {times.p90_ms:.2f} ms per line; the budget is {limit:g} ms."
    return KitCheck(
        kit=kit.digest,
        signature=kit.signature,
        target=target,
        artifact=result.document.artifact,
        runner=result.document.runner,
        environment=result.document.environment,
        start=result.document.start,
        stages=stages,
        first_wrong=next((finding.stage for finding in stages if finding.state is State.WRONG), None),
        outcome=outcome,
        reason=reason,
        parity=_known(parity),
        times=times,
    )


def refuse_stranger(kit: Kit, result: Result) -> None:
    """Check that a result answers this kit.

    Raises:
        SpecMismatchError: If it does not.
    """
    document, where = result.document, result.path
    if document.kit != kit.digest:
        raise SpecMismatchError(
            f"{where}: answers the kit {document.kit[:12]}, this is {kit.digest[:12]}",
            remedy="check it against the kit that it was run with",
        )
    names = [target.name for target in kit.manifest.targets]
    if document.target not in names:
        raise SpecMismatchError(f"{where}: ran the target {document.target!r}, the kit has {', '.join(names)}")
    wanted = kit.manifest.artifact_of(kit.target(document.target)).sha256
    if document.artifact != wanted:
        raise SpecMismatchError(
            f"{where}: ran the artifact {document.artifact[:12]}, the kit's is {wanted[:12]}",
            remedy="run the kit's own artifact, or what is made from it",
        )
    if [line.id for line in document.lines] != [line.id for line in kit.manifest.lines]:
        raise SpecMismatchError(
            f"{where}: its lines are not the kit's {len(kit.lines)} in their order", remedy="run the whole kit"
        )
    for entry, found in zip(kit.manifest.lines, document.lines, strict=True):
        lacking = [stage for stage in wanted_tensors(entry, document.shown) if stage not in found.tensors]
        if lacking:
            raise SpecMismatchError(f"{where}: line {entry.id!r} lacks {lacking[0]}, which the runner shows")


def _reference(kit: Kit) -> list[Transcription]:
    read = []
    for line in kit.manifest.lines:
        golden = kit.golden(line)
        read.append(greedy(golden[Stage.LOGITS][0], kit.spec.charset) if golden else _bare(line.reading))
    return read


def _readings(kit: Kit, result: Result) -> list[Transcription]:
    """Return what the runner read: its own text where it shows one, else the greedy decoding of its logits."""
    read = []
    for line in result.document.lines:
        logits = result.tensor(line, Stage.LOGITS)
        usable = logits is not None and is_decodable(logits, kit.spec.charset.size)
        decoded = greedy(logits[0], kit.spec.charset) if logits is not None and usable else None
        text = line.text if line.text is not None else decoded.text if decoded else ""
        read.append(decoded if decoded and decoded.text == text else _bare(text))
    return read


def _bare(text: str) -> Transcription:
    """Return a transcription of which nothing but the text is known."""
    unknown = [
        Emission(symbol=symbol, first_frame=0, last_frame=0, confidence=math.nan, margin=math.nan) for symbol in text
    ]
    return Transcription(text, tuple(unknown), math.inf)


def _times(result: Result) -> Percentiles | None:
    found = [line.run_ns for line in result.document.lines]
    known = [ns for ns in found if ns is not None]
    if len(known) < len(found) or result.document.runner.evidence is not Evidence.MEASURED:
        return None
    return Percentiles.of(known)


def _known(parity: Parity) -> Parity:
    """Return ``parity`` with margins that nobody showed (NaN, infinity) as absent."""
    return replace(parity, flips=tuple(map(_known_flip, parity.flips)))


def _known_flip(flip: Flip) -> Flip:
    found = replace(flip, margin=_number(flip.margin), margin_reference=_number(flip.margin_reference))
    return replace(found, changes=tuple(map(_known_change, flip.changes)))


def _known_change(change: Change) -> Change:
    return replace(change, margin=_number(change.margin), margin_reference=_number(change.margin_reference))


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
