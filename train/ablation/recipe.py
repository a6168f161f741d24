"""An ablation: one TOML file, every key checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inkport.core.config import parse_config
from inkport.core.documents import read_toml
from inkport.core.errors import RecipeError
from inkport.core.ranges import require_seed
from inkport.lines.audit import Problem
from inkport.train.overrides import merge
from inkport.train.recipe import Recipe, load_recipe


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """What is varied, how often, and what it is judged on.

    Raises:
        RecipeError: If there is no arm, no seed or no line set, the reference is not an arm, or a name fits no folder.
    """

    base: Path
    """Training recipe that all arms share, relative to this file."""
    reference: str
    """The arm that the others are compared with."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """Seeds; every arm is trained with each, and compared with the reference seed by seed."""
    evaluate: Mapping[str, tuple[Path, ...]]
    """Line sets by role, for example ``val`` and ``test``, relative to this file; roles are reported apart."""
    skip: tuple[Problem, ...] = ()
    """Problems whose lines are left out of the evaluation (and counted) instead of refused."""
    arms: Mapping[str, Mapping[str, Any]]
    """Keys of the recipe that an arm changes, nested or with dots; an empty table changes none."""

    def __post_init__(self) -> None:
        if not self.arms or not self.seeds or not any(self.evaluate.values()):
            raise RecipeError("an ablation needs at least one arm, one seed and one line set to evaluate on")
        if self.reference not in self.arms:
            raise RecipeError(
                f"reference {self.reference!r} is not an arm", remedy=f"arms: {', '.join(sorted(self.arms))}"
            )
        for seed in self.seeds:
            require_seed(seed)
        if len(set(self.seeds)) < len(self.seeds):
            raise RecipeError(f"seeds {list(self.seeds)}: one appears twice, and would give the same weights twice")
        for name in (*self.arms, *self.evaluate):
            if not re.fullmatch(r"\w[\w.-]*", name, re.ASCII):
                raise RecipeError(f"{name!r}: names of arms and roles are of letters, digits, '_', '-' and '.'")
        for name, changes in self.arms.items():
            if "seed" in changes:
                raise RecipeError(f"arms.{name}.seed: every arm is trained with the same seeds", remedy="set seeds")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training of an ablation."""

    arm: str
    """Its arm."""
    seed: int
    """Its seed."""
    overrides: Mapping[str, Any]
    """What it changes in the base recipe, as nested tables."""
    recipe: Recipe
    """The recipe as it is trained."""

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.arm}-{self.seed}"


def load_ablation(path: Path) -> Ablation:
    """Read an ablation.

    Raises:
        RecipeError: If the file is missing, is not TOML, or has an unknown key or an impossible value.
    """
    return parse_config(Ablation, read_toml(path), where=str(path))


def plan_runs(ablation: Ablation, folder: Path) -> list[Run]:
    """Return all runs, seed by seed, so that the first arms do not finish long before the last ones begin.

    Args:
        ablation: What to run.
        folder: Where its relative paths start.

    Raises:
        RecipeError: If an arm makes a recipe that is none.
    """
    base = folder / ablation.base
    runs: list[Run] = []
    for seed in ablation.seeds:
        for arm, changes in ablation.arms.items():
            overrides = merge({}, {**changes, "seed": seed})
            try:
                recipe = load_recipe(base, overrides)
            except RecipeError as error:
                raise RecipeError(f"arm {arm!r}: {error.message}", remedy=error.remedy) from error
            runs.append(Run(arm=arm, seed=seed, overrides=overrides, recipe=recipe))
    return runs
