"""The order of stages: each after its parent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter
from typing import Protocol, TypeVar

from inkport.core.errors import RecipeError


START = "start"
"""What a recipe starts from, as a parent."""


class Node(Protocol):
    """A stage, as far as the order goes."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def parent(self) -> str:
        """Name of its parent, or ``start``."""


N = TypeVar("N", bound=Node)


def sorted_stages(stages: Sequence[N], *, where: str) -> tuple[N, ...]:
    """Return stages with unique names in an order in which each comes after its parent, else as they stand.

    Args:
        stages: The stages.
        where: Name of the recipe, for errors.

    Raises:
        RecipeError: If a parent does not exist, or stages wait for one another.
    """
    known = [START, *(stage.name for stage in stages)]
    for stage in stages:
        if stage.parent not in known:
            raise RecipeError(
                f"{where}: stage {stage.name!r} is made from {stage.parent!r}, which there is not",
                remedy=suggestion(stage.parent, known),
            )
    sorter = TopologicalSorter({stage.name: [stage.parent] for stage in stages})
    try:
        sorter.prepare()
    except CycleError as error:
        ring = " <- ".join(error.args[1])
        raise RecipeError(
            f"{where}: stages wait for one another: {ring}", remedy=f"one must come from {START!r}"
        ) from error
    done, left, order = {START}, list(stages), list[N]()
    while left:
        ready = next(stage for stage in left if stage.parent in done)
        left.remove(ready)
        done.add(ready.name)
        order.append(ready)
    return tuple(order)


def check_names(what: str, names: Iterable[str], *, where: str) -> None:
    """Refuse a name that appears twice.

    Raises:
        RecipeError: If one does.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise RecipeError(f"{where}: two {what}s are called {name!r}", remedy="give each a name of its own")
        seen.add(name)


def suggestion(name: str, known: Sequence[str]) -> str:
    """Return what may have been meant, or what there is."""
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
