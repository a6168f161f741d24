"""Settings of the objectives beside CTC; each is off unless its section is there."""

from __future__ import annotations

from dataclasses import dataclass

from inkport.core.errors import RecipeError


MOST_EMBEDDING = 4096
"""Widest embedding of a character; the published one has 256."""
MOST_WINDOW = 100
"""Most characters on each side: more than half of the longest line."""


@dataclass(frozen=True, kw_only=True)
class ConsistencyRecipe:
    """Two views of each line that must be read alike: twice the work per step.

    Raises:
        RecipeError: If the weight is not above 0.
    """

    weight: float = 0.2
    """Weight of the divergence between the views, as published."""

    def __post_init__(self) -> None:
        if self.weight <= 0:
            raise RecipeError(
                f"consistency.weight must be above 0, found {self.weight}", remedy="leave [consistency] out"
            )


@dataclass(frozen=True, kw_only=True)
class ContextRecipe:
    """The Textual Context Module, whose sizes are the published ones.

    Raises:
        RecipeError: If a value is out of range.
    """

    weight: float = 0.25
    """Weight of its loss. Published: 1, beside 0.1 times CTC per line; beside CTC per label, this at 40 labels."""
    embedding: int = 256
    """Width of a character's embedding."""
    window: int = 5
    """Characters on each side that name the one between them."""
    dropout: float = 0.1
    """Dropout of its attention."""

    def __post_init__(self) -> None:
        if self.weight <= 0:
            raise RecipeError(f"tcm.weight must be above 0, found {self.weight}", remedy="leave [tcm] out")
        whole = 1 <= self.embedding <= MOST_EMBEDDING and 1 <= self.window <= MOST_WINDOW
        if not whole or not 0 <= self.dropout < 1:
            raise RecipeError(
                f"tcm: embedding must be within 1..{MOST_EMBEDDING}, window within 1..{MOST_WINDOW}, "
                f"dropout within 0..1, found {self}"
            )
