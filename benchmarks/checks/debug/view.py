"""What `inkport debug` found, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from inkport.benchmarks.checks.debug.result import DebugResult, DivergenceRecord, TracedTarget


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


def render_debug(result: DebugResult) -> str:
    """Return the text."""
    return "\n".join([*_head(result), "", *_body(result)]) + "\n"


def _head(result: DebugResult) -> Iterator[str]:
    yield f"{result.model} on line {result.line} ({result.width} px wide), by the operators of onnx {result.graph[:12]}"
    for letter, side in (("A", result.a), ("B", result.b)):
        yield f"{letter}: {_target(side)}"
        if side.note:
            yield f"   {side.note}"


def _target(side: TracedTarget) -> str:
    ways = ", ".join(f"{count} by {how}" for how, count in sorted(side.matched.items()))
    return f"{side.target} ({side.runtime} {side.version}, {side.artifact[:12]}): tensors matched {ways}"


def _body(result: DebugResult) -> Iterator[str]:
    if result.divergences:
        first = result.divergences[0]
        yield from _divergence(result, first)
        if rest := result.divergences[1:]:
            yield f"  {len(rest)} more after it, each an error of its own:"
            yield from (f"    {_title(one)}" for one in rest[:MOST])
    for side in (result.a, result.b):
        if (side.session_ratio or 0.0) > 1:
            yield (
                f"{side.target}: the session, its operators fused, is off by {side.session_difference:.3g} from its "
                f"trace, {side.session_ratio:.3g} times what rounding explains: the fault is in a fused operator"
            )
    if not result.diverges:
        yield f"They part nowhere by more than their precisions explain ({result.checks} comparisons)."
        worst = max(result.tensors, key=lambda entry: max(entry.ratio_a, entry.ratio_b))
        share = max(worst.ratio_a, worst.ratio_b)
        yield f"  nearest to it: {worst.kind} {worst.operator}, at {share:.2g} of what is explained"
        yield f"  at the end they differ by {result.tensors[-1].difference:.2g} (rms, relative)"


def _divergence(result: DebugResult, first: DivergenceRecord) -> Iterator[str]:
    side = result.a if first.target == result.a.target else result.b
    yield f"They part at {_title(first)}"
    difference = "-" if first.difference is None else f"{first.difference:.3g}"
    text = WHAT[first.fault].format(
        difference=difference, precision=side.precision, explained=f"{first.explained:.3g}", shape=first.shape
    )
    yield f"  {text}" + (f" ({first.ratio:.3g} times that)" if first.ratio is not None else "")
    for value in first.inputs:
        yield f"  reads {value.name} {value.dtype} {value.shape}"
    names = [entry.tensor for entry in result.tensors]
    if first.tensor in names:
        place = names.index(first.tensor)
        before = result.tensors[place - 1].difference if place else 0.0
        yield (
            f"  A and B differ by {before:.2g} before it, {result.tensors[place].difference:.2g} after it, "
            f"{result.tensors[-1].difference:.2g} at the end (rms, relative)"
        )
    alone = "" if first.reproduced else " (does not show it: the operator is wrong only together with its neighbours)"
    yield f"  alone: python {first.reproduction}/reproduce.py{alone}"
    yield f"  next: {NEXT[first.fault]}"


def _title(one: DivergenceRecord) -> str:
    own = f"{one.target_kind} {one.target_operator}"
    reader = (
        f" (read by {one.kind} {one.operator})" if one.fault in {"quantiser", "weight"} else f" (tensor {one.tensor})"
    )
    return f"{own} of {one.target}{reader}"
