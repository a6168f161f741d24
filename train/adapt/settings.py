"""How a recogniser is adapted to a hand: a training recipe with defaults for few lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path

from inkport.core.config import require_seed
from inkport.core.errors import RecipeError
from inkport.core.spec import RecogniserSpec
from inkport.lines.audit import Problem
from inkport.train.recipe import AugmentRecipe, CharsetSource, DataRecipe, Frozen, OptimRecipe, Recipe


STEPS_PER_ROOT = 14
"""Steps per square root of the number of lines: about 44 steps for 10 lines, 99 for 50, 198 for 200."""
LIGHT = AugmentRecipe(
    scale_x=0.08,
    scale_y=0.06,
    shear=0.12,
    rotate=0.008,
    shift=0.04,
    elastic=0.6,
    stroke=0.3,
    contrast=0.2,
    gamma=0.2,
    shade=0.05,
    noise=0.02,
    blur=0.3,
    mask=0.0,
)
"""Augmentation that keeps a hand recognisable: its slant and size are what is to be learned."""


@dataclass(frozen=True, kw_only=True)
class AdaptSettings:
    """Settings of an adaptation.

    Raises:
        RecipeError: If a value is out of range.
    """

    steps: int | None = None
    """Optimiser steps; ``STEPS_PER_ROOT`` times the square root of the number of lines if left out."""
    batch: int = 8
    """Lines per step; all of them if there are fewer."""
    lr: float = 5e-4
    """Peak learning rate of AdamW: a quarter of the default of a training from nothing."""
    folds: int = 2
    """Parts of the given lines that are left out in turn to choose the share; 0 takes the share given."""
    share: float = 1.0
    """Share of the adapted weights in the result where ``folds`` is 0; the rest is the start's."""
    freeze: tuple[Frozen, ...] = ()
    """Parts of the network that stay as they are."""
    rehearsal_share: float = 0.5
    """Share of rehearsal lines among the lines of a training, where there are some."""
    extend_charset: bool = False
    """Whether symbols that only the new lines have are added."""
    skip: tuple[Problem, ...] = ()
    """Problems whose lines are left out instead of refused."""
    augment: AugmentRecipe = field(default_factory=lambda: LIGHT)
    """Augmentation."""
    seed: int = 1
    """Seed of everything random."""

    def __post_init__(self) -> None:
        require_seed(self.seed)
        if self.folds < 0 or self.folds == 1:
            raise RecipeError(f"folds must be 0, or 2 or more, found {self.folds}")
        if not 0 <= self.share <= 1 or not 0 <= self.rehearsal_share < 1:
            raise RecipeError(
                f"share must be within 0..1, found {self.share}; "
                f"rehearsal_share too, and below 1, found {self.rehearsal_share}"
            )

    def steps_for(self, lines: int) -> int:
        """Return the optimiser steps of a training on so many lines of the hand."""
        return self.steps if self.steps is not None else max(1, round(STEPS_PER_ROOT * sqrt(lines)))

    def recipe(self, spec: RecogniserSpec, *, start: Path, sources: Sequence[Path], lines: int) -> Recipe:
        """Return the training recipe of one training.

        Args:
            spec: The recogniser to adapt.
            start: Its weights file.
            sources: Where the lines of the hand come from.
            lines: How many of them this training sees.
        """
        steps = self.steps_for(lines)
        return Recipe(
            model=spec.name,
            version=spec.version,
            seed=self.seed,
            start=start,
            charset=CharsetSource.EXTEND if self.extend_charset else CharsetSource.START,
            freeze=self.freeze,
            data=DataRecipe(train=tuple(sources), val=tuple(sources), skip=self.skip),
            optim=OptimRecipe(steps=steps, batch=self.batch, lr=self.lr, warmup=0.1, weight_decay=0.01, ema=0.99),
            augment=self.augment,
            preprocess=spec.preprocess,
            validate_every=steps,
            checkpoint_every=steps,
        )
