"""The sequence of a compression: stages, what members read, their times and memory, and the report of it all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from inkport.benchmarks.measure.pareto import dominated_by
from inkport.benchmarks.run.environment import read_environment
from inkport.benchmarks.run.record import ArtifactInfo, Outcome
from inkport.benchmarks.run.request import check_targets, describe_model
from inkport.compress.lines import refuse_known
from inkport.compress.made_stages import Made, Status, run_stages
from inkport.compress.measure import Judged, LineSetRun, Measurer, Member, Standing, judge_member, standing
from inkport.compress.members import Ancestor, Choice, CompressReport, MemberReport, StageReport
from inkport.compress.recipe import CompressRecipe, TargetRow
from inkport.compress.stage import START, Context
from inkport.compress.views import PLOT, render_markdown, render_plot
from inkport.core.artifact import Artifact
from inkport.core.config import to_plain
from inkport.core.errors import LineDataError, UsageError
from inkport.core.files import write_atomically
from inkport.core.target import Precision, Target
from inkport.lines.audit import Audit, audit_for
from inkport.lines.line import Line
from inkport.lines.source import read_lines


OBJECTIVES = ("CER on val", "p50 per line", "size", "peak memory")
"""What the Pareto set is of, less being better."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What was measured; sets that were not read are absent."""

    val: LineSetRun | None
    """On val."""
    val_lines: Sequence[Line]
    """The lines of it."""
    test: LineSetRun | None
    """On test."""
    test_lines: Sequence[Line]
    """The lines of it."""
    memory: Mapping[str, float | None]
    """Peak memory in MiB, by member."""


def assemble(
    recipe: CompressRecipe,
    name: str,
    start: Artifact,
    made: Mapping[str, Made],
    figures: Figures,
    *,
    margin: float,
    budget: float | None,
) -> CompressReport:
    """Return the report.

    Args:
        recipe: What was asked for.
        name: Name of its file.
        start: What everything descends from.
        made: The stages.
        figures: What was measured.
        margin: CER difference that verdicts are about.
        budget: CER difference that a choice may cost; no choice if None.
    """
    members = [_member(row, start, made, figures, margin=margin) for row in recipe.targets]
    objectives, members = _with_pareto(members)
    val = figures.val
    return CompressReport(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        recipe=name,
        start=describe_model(start),
        measure=recipe.measure,
        margin=margin,
        val=val.data if val else None,
        test=figures.test.data if figures.test else None,
        reference=val.reference if val else None,
        environment=val.environment if val else read_environment(threads=recipe.measure.threads),
        baseline=val.baseline if val else None,
        noise_floor=val.noise_floor if val else None,
        objectives=objectives,
        stages=tuple(_stage(stage) for stage in made.values()),
        members=tuple(members),
        choice=None if budget is None else choose_member(members, budget),
    )


def _stage(made: Made) -> StageReport:
    return StageReport(
        name=made.row.name,
        kind=made.row.kind,
        parent=made.row.parent,
        settings=to_plain(made.row.stage),
        status=made.status,
        reason=made.reason,
        parent_sha256=made.parent_sha256,
        artifact=ArtifactInfo.of(made.artifact) if made.artifact else None,
    )


def _member(
    row: TargetRow,
    start: Artifact,
    made: Mapping[str, Made],
    figures: Figures,
    *,
    margin: float,
) -> MemberReport:
    artifact = start if row.stage == START else made[row.stage].artifact
    own = artifact is not None and artifact.root != start.root
    taken = figures.val.members.get(row.label) if figures.val else None
    val = _judged(figures.val, row.label, figures.val_lines, margin=margin)
    test = _judged(figures.test, row.label, figures.test_lines, margin=margin)
    failure, reason = (taken.outcome, taken.reason) if taken else _stage_failure(row, made)
    return MemberReport(
        name=row.label,
        stage=row.stage,
        runtime=row.runtime,
        runtime_version=taken.runtime_version if taken else "",
        device=row.device,
        options=row.options,
        precision=artifact.precision if artifact else None,
        artifact=ArtifactInfo.of(artifact) if artifact else None,
        lineage=_lineage(row.stage, start, made) if artifact else (),
        own_weights=own,
        failure=failure,
        reason=reason,
        val=val,
        test=test,
        standing=standing(val, own_weights=own) if val else None,
        standing_test=standing(test, own_weights=own) if test else None,
        speed=taken.speed if taken else None,
        peak_memory_mib=figures.memory.get(row.label),
        pareto=False,
        dominated_by=(),
    )


def _stage_failure(row: TargetRow, made: Mapping[str, Made]) -> tuple[Outcome, str]:
    """Return the failure of a member whose artifact was not made: that of the first stage on the way."""
    stage = made[row.stage]
    while stage.status is Status.SKIPPED:
        stage = made[stage.row.parent]
    outcome = Outcome.UNAVAILABLE if stage.status is Status.UNAVAILABLE else Outcome.EXPORT_FAILED
    return outcome, f"stage {stage.row.name}: {stage.reason}"


def _judged(run: LineSetRun | None, name: str, lines: Sequence[Line], *, margin: float) -> Judged | None:
    taken = run.members.get(name) if run else None
    if run is None or taken is None or not taken.edits:
        return None
    return judge_member(lines, run.reference_edits, taken.edits, flips=taken.flips, margin=margin)


def _lineage(stage: str, start: Artifact, made: Mapping[str, Made]) -> tuple[Ancestor, ...]:
    steps: list[Ancestor] = []
    while stage != START:
        found = made[stage]
        if found.artifact is not None:
            steps.append(Ancestor(stage=stage, sha256=found.artifact.digest))
        stage = found.row.parent
    return (*steps, Ancestor(stage=START, sha256=start.digest))


def _with_pareto(members: Sequence[MemberReport]) -> tuple[tuple[str, ...], list[MemberReport]]:
    """Mark the Pareto set; a member that lacks a figure which others have is not compared."""
    rows = {
        m.name: (m.val.cer, m.speed.p50_ms if m.speed else None, m.artifact.bytes, m.peak_memory_mib)
        for m in members
        if m.val and m.artifact
    }
    known = [index for index in range(len(OBJECTIVES)) if any(row[index] is not None for row in rows.values())]
    values = {name: [figure for index in known if (figure := row[index]) is not None] for name, row in rows.items()}
    above = dominated_by({name: figures for name, figures in values.items() if len(figures) == len(known)})
    marked = [
        replace(m, pareto=not above[m.name], dominated_by=above[m.name]) if m.name in above else m for m in members
    ]
    return tuple(OBJECTIVES[index] for index in known), marked


def parse_budget(text: str) -> float:
    """Return the CER difference that ``cer=POINTS`` allows, as a rate.

    Raises:
        UsageError: If it is anything else, or below 0.
    """
    name, _, value = text.partition("=")
    try:
        points = float(value)
    except ValueError:
        points = -1.0
    if name.strip() != "cer" or not 0 <= points < 100:
        raise UsageError(f"--budget {text!r}: not a budget", remedy="for example --budget cer=0.3, in points of CER")
    return points / 100


def choose_member(members: Sequence[MemberReport], budget: float) -> Choice:
    """Return the fastest member that is proven on val to keep the budget.

    Args:
        members: The members; test figures are not looked at.
        budget: CER difference that is allowed, as a rate; verdicts must be about this margin.
    """
    fitting = [(m.speed.p50_ms, m) for m in members if m.speed and m.standing is Standing.WITHIN]
    if fitting:
        time_ms, member = min(fitting, key=lambda found: found[0])
        sentence = (
            f"{member.name} is the fastest of {len(fitting)} proven to lose at most {100 * budget:g} points of CER "
            f"on val: {time_ms:.2f} ms per line."
        )
        return Choice(budget=budget, member=member.name, sentence=sentence)
    return Choice(budget=budget, member=None, sentence=" ".join(_why_none(members, budget)))


def _why_none(members: Sequence[MemberReport], budget: float) -> list[str]:
    unsettled = [m for m in members if m.standing is Standing.OPEN]
    word = "INCONCLUSIVE" if unsettled else "NONE"
    sentences = [f"{word}: no timed member is proven to lose at most {100 * budget:g} points of CER on val."]
    for member in unsettled:
        further = member.val.equivalence.further_writers if member.val else None
        more = "no number of writers would" if further is None else f"about {further} further writers like these would"
        sentences.append(f"{member.name} is open; {more} settle it.")
    if beyond := [m.name for m in members if m.standing is Standing.BEYOND]:
        sentences.append(f"Beyond the budget: {'; '.join(beyond)}.")
    return sentences


@dataclass(frozen=True, kw_only=True)
class CompressRequest:
    """What is to be done."""

    recipe: CompressRecipe
    """The recipe."""
    name: str
    """Name of its file."""
    start: Artifact
    """What it starts from."""
    context: Context
    """What the stages share."""
    out: Path
    """Folder of the run."""
    margin: float
    """CER difference that verdicts are about."""
    budget: float | None = None
    """CER difference that a choice may cost; no choice if None."""


@dataclass(frozen=True, kw_only=True)
class Compressed:
    """What came of it."""

    report: CompressReport
    """The report."""
    artifacts: Mapping[str, Artifact]
    """What each member runs, by its name, where it was made."""


def compress(request: CompressRequest) -> Compressed:
    """Make every stage, measure every member, and write the report; what is there already is not done again.

    Raises:
        InkportError: If the request or its data is wrong, or the reference fails.
    """
    recipe, context, start = request.recipe, request.context, request.start
    check_targets([_target(row.label, row.runtime, Precision.FP32) for row in recipe.targets])
    if request.budget is not None and not recipe.measure.latency_lines:
        raise UsageError("a budget chooses the fastest member, but latency_lines is 0", remedy="let members be timed")
    refuse_known(start, context.found)
    made = run_stages(recipe.stages, start, context, request.out)
    artifacts = _artifacts(recipe, start, made)
    figures = _measure(request, artifacts)
    report = assemble(recipe, request.name, start, made, figures, margin=request.margin, budget=request.budget)
    _write(report, request.out)
    return Compressed(report=report, artifacts=artifacts)


def _artifacts(recipe: CompressRecipe, start: Artifact, made: Mapping[str, Made]) -> Mapping[str, Artifact]:
    found = {row.label: start if row.stage == START else made[row.stage].artifact for row in recipe.targets}
    return {label: artifact for label, artifact in found.items() if artifact is not None}


def _target(name: str, runtime: str, precision: Precision) -> Target:
    return Target(name=name, runtime=runtime, precision=precision)


def _measure(request: CompressRequest, artifacts: Mapping[str, Artifact]) -> Figures:
    recipe, context = request.recipe, request.context
    members = [
        Member(
            target=Target(
                name=row.label,
                runtime=row.runtime,
                precision=artifacts[row.label].precision,
                device=row.device,
                options=row.options,
            ),
            artifact=artifacts[row.label],
        )
        for row in recipe.targets
        if row.label in artifacts
    ]
    if not members:
        return Figures(val=None, val_lines=(), test=None, test_lines=(), memory={})
    measurer = Measurer(
        request.start,
        members,
        recipe.measure,
        out=request.out / "measured",
        exports=context.exports,
        progress=context.progress,
    )
    audit = _audit(request, context.found.val, "val")
    context.say(f"measuring {len(members)} members on {len(audit.lines)} lines of val")
    val = measurer.text("val", audit, context.found.val, timed=True)
    timed = [member for member in members if val.members[member.target.name].speed]
    memory = {m.target.name: measurer.memory(m, audit) for m in timed} if recipe.measure.memory else {}
    val_lines, test, test_lines = audit.lines, None, audit.lines[:0]
    if context.found.test:
        audit = _audit(request, context.found.test, "test")
        context.say(f"reading {len(audit.lines)} lines of test")
        test, test_lines = measurer.text("test", audit, context.found.test, timed=False), audit.lines
    return Figures(val=val, val_lines=val_lines, test=test, test_lines=test_lines, memory=memory)


def _audit(request: CompressRequest, paths: tuple[Path, ...], role: str) -> Audit:
    audit = audit_for(read_lines(paths), request.start.spec, skip=request.context.lines.skip)
    if not audit.lines:
        raise LineDataError(f"lines.{role} has no usable line", remedy="name line sets that have some")
    return audit


def _write(report: CompressReport, out: Path) -> None:
    """Write the views and, last, the document: a kill leaves whole files."""
    if (plot := render_plot(report)) is not None:
        write_atomically(out / PLOT, plot)
    write_atomically(out / "compress.md", render_markdown(report))
    write_atomically(out / "compress.json", report.to_json())
