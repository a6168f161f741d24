"""Judging a result on any machine: it must be of this kit; then each stage, the text, and the time."""

from __future__ import annotations

from dataclasses import dataclass, replace

from inkport.benchmarks.checks.kit.runner import wanted_tensors
from inkport.benchmarks.measure.parity import Reading, compare, line_edits, score
from inkport.benchmarks.measure.quantiles import Percentiles
from inkport.benchmarks.report.envelope import Check, Report
from inkport.benchmarks.run.device_record import KitRun
from inkport.benchmarks.run.environment import read_environment
from inkport.benchmarks.run.kit.judge import is_decodable, judge_stages
from inkport.benchmarks.run.kit.manifest import KitStage
from inkport.benchmarks.run.kit.open import Kit, Result
from inkport.benchmarks.run.kit.signature import KitSignature
from inkport.benchmarks.run.record import ArtifactInfo, Outcome, Proof, TargetRecord, exit_code, judge
from inkport.benchmarks.run.request import Options, describe_data, describe_model
from inkport.core.ctc import Transcription, greedy
from inkport.core.errors import SpecMismatchError
from inkport.core.runtime import Evidence
from inkport.core.scratch import scratch
from inkport.core.texts import ReadText, transcription
from inkport.lines.audit import Audit


@dataclass(frozen=True, kw_only=True)
class JudgedKit:
    """What `inkport kit check` says of the kit."""

    kit: str
    """Digest of the kit."""
    signature: KitSignature
    """Who signed the kit, as far as that is known."""
    first_wrong: KitStage | None
    """The first stage that went wrong."""


KIT_CHECK = Check("kit-check", Options, (JudgedKit,), (Proof, KitRun))
"""Whether a kit's runner reads the text, and which stage first goes wrong if not."""


def check_kit(kit: Kit, result: Result) -> Report:
    """Judge a result; a stage that is wrong is a failure even if the text is right.

    Raises:
        SpecMismatchError: If the result is of another kit, artifact or line set, or lacks what it says that it shows.
        ArtifactCorruptError: If a tensor of it is no tensor file, or the kit's artifact is not what its manifest says.
    """
    refuse_stranger(kit, result)
    target = kit.target(result.document.target)
    with scratch("kit") as folder:
        artifact = kit.extract_artifact(target, folder)
        model, info = describe_model(artifact), ArtifactInfo.of(artifact)
    record = TargetRecord(
        name=target.name,
        runtime=target.runtime,
        device=target.device,
        precision=info.precision,
        options=target.options,
        required=True,
        budget=target.budget,
        artifact=info,
    )
    record = judge_result(kit, result, record)
    wrong, known = record.section(KitRun).first_wrong, kit.manifest.reference
    if wrong and exit_code([(record.outcome, True)]) == 0:
        record = replace(record, outcome=Outcome.DIVERGED)
    return Report(
        check=KIT_CHECK,
        model=model,
        data=describe_data(Audit(lines=list(kit.lines)), (kit.path.name,)),
        note=f"golden values are of {known.runtime} {known.version} {known.precision}, which is not run again",
        options=Options(),
        environment=read_environment(threads=1),
        targets=(record,),
        sections=(JudgedKit(kit=kit.digest, signature=kit.signature, first_wrong=wrong.stage if wrong else None),),
    )


def judge_result(kit: Kit, result: Result, target: TargetRecord) -> TargetRecord:
    """Return the record of the target that a result is of; the first stage that is wrong tells where to look.

    Args:
        kit: An open kit.
        result: An open result.
        target: What is known of the target.

    Raises:
        SpecMismatchError: If the result is of another kit, artifact or line set, or lacks what it says that it shows.
        ArtifactCorruptError: If a tensor of it is not a tensor file.
    """
    refuse_stranger(kit, result)
    runner, stages = result.document.runner, judge_stages(kit, result)
    reading = score(kit.lines, _readings(kit, result))
    parity = compare(
        kit.lines,
        kit_reference(kit),
        reading,
        margin=target.budget.cer_margin,
        largest_writer_loss=target.budget.largest_writer_loss,
    )
    times = _times(result)
    outcome, reason = judge(parity, None, None, target.budget)
    limit = target.budget.p90_ms
    if outcome in (Outcome.PASS, Outcome.INCONCLUSIVE) and times and limit is not None and times.p90_ms > limit:
        outcome = Outcome.LATENCY_OVER_BUDGET
        reason = f"The p90 time is {times.p90_ms:.2f} ms per line; the budget is {limit:g} ms."
    environment, start = result.document.environment, result.document.start
    run = KitRun(runner=runner, environment=environment, start=start, stages=stages, times=times)
    if wrong := run.first_wrong:
        where = f"{wrong.wrong_lines} of {wrong.lines} lines, first {wrong.line}"
        reason += f" The first stage off its golden values is {wrong.stage}: {wrong.fault} ({where})."
    edits = line_edits(reading, None, lines=len(kit.lines))
    return replace(
        target,
        runtime=runner.engine,
        runtime_version=runner.version,
        device=runner.device or target.device,
        outcome=outcome,
        reason=reason.strip(),
        evidence=runner.evidence,
        sections=(Proof(parity=parity, line_edits=edits), run),
    )


def kit_reference(kit: Kit) -> Reading:
    """Return what the reference read on the kit's lines."""
    return score(kit.lines, _reference(kit))


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
        read.append(greedy(golden[KitStage.LOGITS][0], kit.spec.charset) if golden else _bare(line.reading))
    return read


def _readings(kit: Kit, result: Result) -> list[Transcription]:
    """Return what the runner read: its own text where it shows one, else the greedy decoding of its logits."""
    read = []
    for line in result.document.lines:
        logits = result.tensor(line, KitStage.LOGITS)
        usable = logits is not None and is_decodable(logits, kit.spec.charset.size)
        decoded = greedy(logits[0], kit.spec.charset) if logits is not None and usable else None
        text = line.text if line.text is not None else decoded.text if decoded else ""
        read.append(decoded if decoded and decoded.text == text else _bare(text))
    return read


def _bare(text: str) -> Transcription:
    """Return a transcription of which nothing but the text is known."""
    return transcription(ReadText(text))


def _times(result: Result) -> Percentiles | None:
    found = [line.run_ns for line in result.document.lines]
    known = [ns for ns in found if ns is not None]
    if len(known) < len(found) or result.document.runner.evidence is not Evidence.MEASURED:
        return None
    return Percentiles.of(known)
