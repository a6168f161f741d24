"""The Pareto set: members that no other one beats in everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def dominated_by(objectives: Mapping[str, Sequence[float]]) -> dict[str, tuple[str, ...]]:
    """Return for each member which others dominate it: nowhere worse, and better somewhere.

    Args:
        objectives: Each member's figures, less is better, equally many for all.

    Returns:
        By member, in the order given; the members of the Pareto set have nobody.
    """
    return {
        name: tuple(other for other, theirs in objectives.items() if _dominates(theirs, own))
        for name, own in objectives.items()
    }


def _dominates(a: Sequence[float], b: Sequence[float]) -> bool:
    pairs = list(zip(a, b, strict=True))
    return all(x <= y for x, y in pairs) and any(x < y for x, y in pairs)
