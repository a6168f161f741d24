"""The sequence of a compression: stages, what members read, their times and memory, the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from inkport.benchmarks.run.request import check_targets
from inkport.compress.assemble import Figures, assemble
from inkport.compress.graph import START
from inkport.compress.lines import refuse_known
from inkport.compress.measure import Measurer, Member
from inkport.compress.plot import render_plot
from inkport.compress.recipe import CompressRecipe
from inkport.compress.report import CompressReport
from inkport.compress.run import Made, run_stages
from inkport.compress.stage import Context
from inkport.compress.views import PLOT, render_markdown
from inkport.core.artifact import Artifact
from inkport.core.errors import LineDataError, UsageError
from inkport.core.files import write_atomically
from inkport.core.target import Precision, Target
from inkport.lines.audit import Audit, audit_for
from inkport.lines.source import read_lines


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
