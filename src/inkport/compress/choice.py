"""Which member a budget chooses."""

from __future__ import annotations

from collections.abc import Sequence

from inkport.compress.judge import Standing
from inkport.compress.report import Choice, MemberReport
from inkport.core.errors import UsageError


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
