"""Whether a target keeps its budget, and the sentence that says why not."""

from __future__ import annotations

from inkport.benchmarks.measure.equivalence import LEVEL, Verdict
from inkport.benchmarks.measure.estimate import FEWEST_UNITS
from inkport.benchmarks.measure.parity import DatasetScore, Parity, Score
from inkport.benchmarks.measure.units import counted
from inkport.benchmarks.run.latency import Latency
from inkport.benchmarks.run.outcome import Outcome
from inkport.core.runtime import Placement
from inkport.core.target import Budget


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
