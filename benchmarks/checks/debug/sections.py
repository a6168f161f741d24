"""What `inkport diagnose operators` found, in the order in which it is read."""

from __future__ import annotations

from collections.abc import Iterator

from inkport.benchmarks.checks.debug.result import DivergenceRecord, Divergences, TracedTarget
from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.report.junit import RESULTS, Case
from inkport.benchmarks.report.presentation import Conclusion, Presentation, Section, Sign
from inkport.benchmarks.report.rows import NONE
from inkport.benchmarks.report.sections import SIGNS
from inkport.benchmarks.run.record import Outcome
from inkport.core.tables import Table


MOST = 5
"""Most further divergences that are listed."""

NEXT = {
    "operator": "compare the operator's attributes and weights with the graph's; where they agree, the kernel is at "
    "fault, and the folder is what its makers need",
    "quantizer": "look at its scale and zero point; calibrate on lines like this one where they are what was measured",
    "weight": "the stored weight is not the model's: look at its scale, or export again",
    "shape": "look at the operator's axes, and at the shape that it is given",
    "failed": "the engine's own message is the best lead; the folder has the operator that it stops at",
}
"""What to do, by fault."""

WHAT = {
    "operator": "what it computes is off by {difference} from what its inputs give; {precision} explains {explained}",
    "quantizer": "quantized values are off by up to {difference}; its steps explain an rms of {explained}",
    "weight": "the weight is off by up to {difference}; {precision} explains {explained}",
    "shape": "its result has the shape {shape}, which the graph's has not",
    "failed": "it does not run",
}
"""What is wrong, by fault."""


def present(report: Report) -> Presentation:
    """Return what was found, as it is read."""
    if any(target.outcome is Outcome.NOT_JUDGED for target in report.targets):
        return _not_judged(report)
    found = report.section(Divergences)
    first, rest = found.divergences[:1], found.divergences[1:]
    sections = [Section(name="Targets", tables=(_table(report),), sentences=tuple(_notes(report)))]
    sections += [Section(name="First divergence", sentences=tuple(_divergence(report, one))) for one in first]
    if rest:
        heading = f"{len(rest)} more after it, each an error of its own:"
        sections.append(Section(name="Further divergences", sentences=(heading, *map(_title, rest[:MOST]))))
    diverges = any(target.outcome is Outcome.DIVERGED for target in report.targets)
    if not diverges:
        sections.append(Section(name="Nearest to it", sentences=tuple(_nearest(found))))
    model, graph = f"{report.model.name} {report.model.version}", report.model.artifact.sha256[:12]
    return Presentation(
        title="inkport diagnose operators",
        about=model,
        subject=(f"{model} on line {report.options.line} ({found.width} px wide), by the operators of onnx {graph}",),
        conclusions=tuple(_conclude(report)),
        sections=tuple(sections),
        signs={str(outcome): sign for outcome, sign in SIGNS.items()},
        cases=tuple(
            Case(suite=target.name, name="operators", result=RESULTS[target.outcome], message=target.reason)
            for target in report.targets
        ),
        created=report.created,
        verdict="they part" if diverges else "they part nowhere",
    )


def _not_judged(report: Report) -> Presentation:
    both = tuple(target.name for target in report.targets)
    label = "not judged"
    return Presentation(
        title="inkport diagnose operators",
        about=f"{report.model.name} {report.model.version}",
        subject=(f"{report.model.name} {report.model.version}, of which no operator was compared",),
        conclusions=(Conclusion(names=both, sign=Sign.OPEN, label=label, why=report.note),),
        sections=(Section(name="Targets", tables=(_table(report),)),),
        signs={str(outcome): sign for outcome, sign in SIGNS.items()},
        cases=tuple(
            Case(suite=target.name, name="operators", result=RESULTS[target.outcome], message=target.reason)
            for target in report.targets
        ),
        created=report.created,
        verdict=label,
    )


def _table(report: Report) -> Table:
    head = ("", "target", "outcome", "runtime", "precision", "artifact", "tensors matched", "without", "session")
    rows = []
    for letter, target in zip("AB", report.targets, strict=True):
        traced = target.section(TracedTarget)
        ways = ", ".join(f"{count} by {how}" for how, count in sorted(traced.matched.items()))
        ratio = NONE if traced.session_ratio is None else f"{traced.session_ratio:.2g}"
        digest = target.artifact.sha256[:12] if target.artifact else NONE
        runtime = f"{target.runtime} {target.runtime_version}"
        proof = (runtime, str(target.precision), digest, ways, str(len(traced.unmatched)), ratio)
        rows.append((letter, target.name, str(target.outcome), *proof))
    return Table(head, tuple(rows), 7)


def _notes(report: Report) -> Iterator[str]:
    yield "without: tensors of the graph that it has no value for, most of them fused away"
    yield "session: how far its logits are from those of its trace, in units of what rounding explains"
    for target in report.targets:
        if note := target.section(TracedTarget).note:
            yield f"{target.name}: {note}"


def _conclude(report: Report) -> Iterator[Conclusion]:
    both, found = tuple(target.name for target in report.targets), report.section(Divergences)
    for first in found.divergences[:1]:
        yield Conclusion(names=both, sign=Sign.BAD, label=f"They part at {_title(first)}", why=NEXT[first.fault])
    for target in report.targets:
        traced = target.section(TracedTarget)
        if traced.fused_fault:
            why = (
                f"the session, its operators fused, is off by {traced.session_difference:.3g} from its trace, "
                f"{traced.session_ratio:.3g} times what rounding explains"
            )
            yield Conclusion(names=(target.name,), sign=Sign.BAD, label="the fault is in a fused operator", why=why)
    if not any(target.outcome is Outcome.DIVERGED for target in report.targets):
        label = "They part nowhere by more than their precisions explain"
        yield Conclusion(names=both, sign=Sign.GOOD, label=label, why=f"{found.checks} comparisons")


def _nearest(found: Divergences) -> Iterator[str]:
    worst = max(found.tensors, key=lambda entry: max(entry.ratio_a, entry.ratio_b))
    yield f"{worst.kind} {worst.operator}, at {max(worst.ratio_a, worst.ratio_b):.2g} of what is explained"
    yield f"at the end they differ by {found.tensors[-1].difference:.2g} (rms, relative)"


def _divergence(report: Report, first: DivergenceRecord) -> Iterator[str]:
    target = next(target for target in report.targets if target.name == first.target)
    difference = "-" if first.difference is None else f"{first.difference:.3g}"
    text = WHAT[first.fault].format(
        difference=difference, precision=target.precision, explained=f"{first.explained:.3g}", shape=first.shape
    )
    yield f"{text}" + (f" ({first.ratio:.3g} times that)" if first.ratio is not None else "")
    for value in first.inputs:
        yield f"reads {value.name} {value.dtype} {value.shape}"
    tensors = report.section(Divergences).tensors
    names = [entry.tensor for entry in tensors]
    if first.tensor in names:
        place = names.index(first.tensor)
        before = tensors[place - 1].difference if place else 0.0
        yield (
            f"A and B differ by {before:.2g} before it, {tensors[place].difference:.2g} after it, "
            f"{tensors[-1].difference:.2g} at the end (rms, relative)"
        )
    alone = "" if first.reproduced else " (does not show it: the operator is wrong only together with its neighbours)"
    yield f"to see it alone: python {first.reproduction}/reproduce.py{alone}"


def _title(one: DivergenceRecord) -> str:
    own = f"{one.target_kind} {one.target_operator}"
    reader = (
        f" (read by {one.kind} {one.operator})" if one.fault in {"quantizer", "weight"} else f" (tensor {one.tensor})"
    )
    return f"{own} of {one.target}{reader}"
