"""What `inkport debug` found, in the order in which it is read."""

from __future__ import annotations

from collections.abc import Iterator

from inkport.benchmarks.checks.debug.result import DebugResult, DivergenceRecord
from inkport.benchmarks.report.presentation import Conclusion, Presentation, Section, Sign


MOST = 5
"""Most further divergences that are listed."""

NEXT = {
    "operator": "compare the operator's attributes and weights with the graph's; where they agree, the kernel is at "
    "fault, and the folder is what its makers need",
    "quantiser": "look at its scale and zero point; calibrate on lines like this one where they are what was measured",
    "weight": "the stored weight is not the model's: look at its scale, or export again",
    "shape": "look at the operator's axes, and at the shape that it is given",
    "failed": "the engine's own message is the best lead; the folder has the operator that it stops at",
}
"""What to do, by fault."""

WHAT = {
    "operator": "what it computes is off by {difference} from what its inputs give; {precision} explains {explained}",
    "quantiser": "quantised values are off by up to {difference}; its steps explain an rms of {explained}",
    "weight": "the weight is off by up to {difference}; {precision} explains {explained}",
    "shape": "its result has the shape {shape}, which the graph's has not",
    "failed": "it does not run",
}
"""What is wrong, by fault."""


def present(result: DebugResult) -> Presentation:
    """Return what was found, as it is read."""
    sections = [
        Section(name="First divergence", sentences=tuple(_divergence(result, one))) for one in result.divergences[:1]
    ]
    if rest := result.divergences[1:]:
        heading = f"{len(rest)} more after it, each an error of its own:"
        sections.append(Section(name="Further divergences", sentences=(heading, *map(_title, rest[:MOST]))))
    if not result.diverges:
        sections.append(Section(name="Nearest to it", sentences=tuple(_nearest(result))))
    return Presentation(
        title="inkport debug",
        about=result.model,
        subject=tuple(_subject(result)),
        conclusions=tuple(_conclude(result)),
        sections=tuple(sections),
        verdict="they part" if result.diverges else "they part nowhere",
    )


def _subject(result: DebugResult) -> Iterator[str]:
    yield f"{result.model} on line {result.line} ({result.width} px wide), by the operators of onnx {result.graph[:12]}"
    for letter, side in (("A", result.a), ("B", result.b)):
        ways = ", ".join(f"{count} by {how}" for how, count in sorted(side.matched.items()))
        yield f"{letter}: {side.target} ({side.runtime} {side.version}, {side.artifact[:12]}): tensors matched {ways}"
        if side.note:
            yield side.note


def _conclude(result: DebugResult) -> Iterator[Conclusion]:
    both = (result.a.target, result.b.target)
    for first in result.divergences[:1]:
        yield Conclusion(names=both, sign=Sign.BAD, label=f"They part at {_title(first)}", why=NEXT[first.fault])
    for side in (result.a, result.b):
        if (side.session_ratio or 0.0) > 1:
            why = (
                f"the session, its operators fused, is off by {side.session_difference:.3g} from its trace, "
                f"{side.session_ratio:.3g} times what rounding explains"
            )
            yield Conclusion(names=(side.target,), sign=Sign.BAD, label="the fault is in a fused operator", why=why)
    if not result.diverges:
        label = "They part nowhere by more than their precisions explain"
        yield Conclusion(names=both, sign=Sign.GOOD, label=label, why=f"{result.checks} comparisons")


def _nearest(result: DebugResult) -> Iterator[str]:
    worst = max(result.tensors, key=lambda entry: max(entry.ratio_a, entry.ratio_b))
    yield f"{worst.kind} {worst.operator}, at {max(worst.ratio_a, worst.ratio_b):.2g} of what is explained"
    yield f"at the end they differ by {result.tensors[-1].difference:.2g} (rms, relative)"


def _divergence(result: DebugResult, first: DivergenceRecord) -> Iterator[str]:
    side = result.a if first.target == result.a.target else result.b
    difference = "-" if first.difference is None else f"{first.difference:.3g}"
    text = WHAT[first.fault].format(
        difference=difference, precision=side.precision, explained=f"{first.explained:.3g}", shape=first.shape
    )
    yield f"{text}" + (f" ({first.ratio:.3g} times that)" if first.ratio is not None else "")
    for value in first.inputs:
        yield f"reads {value.name} {value.dtype} {value.shape}"
    names = [entry.tensor for entry in result.tensors]
    if first.tensor in names:
        place = names.index(first.tensor)
        before = result.tensors[place - 1].difference if place else 0.0
        yield (
            f"A and B differ by {before:.2g} before it, {result.tensors[place].difference:.2g} after it, "
            f"{result.tensors[-1].difference:.2g} at the end (rms, relative)"
        )
    alone = "" if first.reproduced else " (does not show it: the operator is wrong only together with its neighbours)"
    yield f"alone: python {first.reproduction}/reproduce.py{alone}"


def _title(one: DivergenceRecord) -> str:
    own = f"{one.target_kind} {one.target_operator}"
    reader = (
        f" (read by {one.kind} {one.operator})" if one.fault in {"quantiser", "weight"} else f" (tensor {one.tensor})"
    )
    return f"{own} of {one.target}{reader}"
