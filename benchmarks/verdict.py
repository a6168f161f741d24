"""Whether a target keeps its budget, and the sentence that says why not."""

from __future__ import annotations

from inkport.benchmarks.equivalence import Verdict
from inkport.benchmarks.latency import Latency
from inkport.benchmarks.outcome import Outcome
from inkport.benchmarks.parity import DatasetScore, Parity
from inkport.core.runtime import Placement
from inkport.core.target import Budget


NAMED_FLIPS = 3
"""How many flipped lines a reason names; the report lists all."""


def judge(parity: Parity, latency: Latency | None, placement: Placement | None, budget: Budget) -> tuple[Outcome, str]:
    """Return the outcome of a target that ran, and the reason if it does not pass.

    Args:
        parity: Its text.
        latency: Its speed, if it was measured.
        placement: Where its operators ran, if the runtime tells.
        budget: What it may lose; each data set must keep the CER margin by itself.
    """
    reasons = [_cer_reason(row, budget) for row in parity.datasets if abs(row.delta) > budget.cer_margin]
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
    if parity.equivalence.verdict is Verdict.INCONCLUSIVE:
        return Outcome.INCONCLUSIVE, _inconclusive_reason(parity)
    return Outcome.PASS, ""


def _inconclusive_reason(parity: Parity) -> str:
    found = parity.equivalence
    low, high = found.interval
    more = (
        "no number of further lines would settle it"
        if found.further_lines is None
        else f"about {found.further_lines} further lines like these would settle it"
    )
    return (
        f"The true CER difference may lie between {100 * low:+.2f} and {100 * high:+.2f} points (two one-sided tests "
        f"at 5 %), {100 * found.margin:g} are allowed either way: {more}."
    )


def _placement_reason(placement: Placement) -> str:
    total = sum(placement.operators.values())
    where = ", ".join(f"{count} on {place}" for place, count in sorted(placement.operators.items()))
    return f"{placement.elsewhere} of {total} operators ran elsewhere than on {placement.wanted}: {where}."


def _cer_reason(row: DatasetScore, budget: Budget) -> str:
    direction = "above" if row.delta > 0 else "below"
    low, high = row.interval
    sentence = (
        f"CER on {row.dataset or 'the lines'} is {100 * abs(row.delta):.2f} points {direction} the reference's "
        f"({100 * row.cer:.2f} against {100 * row.cer_reference:.2f} %, 95 % interval of the difference "
        f"{100 * low:+.2f} to {100 * high:+.2f}); {100 * budget.cer_margin:g} are allowed either way."
    )
    if row.delta < 0:
        sentence += " It got better, which is suspicious all the same: a faithful port makes the reference's mistakes."
    return sentence


def _flip_reason(parity: Parity, allowed: int) -> str:
    named = ", ".join(flip.id for flip in parity.flips[:NAMED_FLIPS])
    more = ", ..." if len(parity.flips) > NAMED_FLIPS else ""
    lines, verb = ("line", "reads") if parity.flipped_lines == 1 else ("lines", "read")
    return f"{parity.flipped_lines} {lines} {verb} differently from the reference ({named}{more}); {allowed} may."
