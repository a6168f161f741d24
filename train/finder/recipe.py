"""The recipe of a finder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from inkport.core.config import parse_config, require_seed
from inkport.core.documents import read_toml
from inkport.core.errors import RecipeError
from inkport.train.recipe import OptimRecipe, digest_settings


@dataclass(frozen=True, kw_only=True)
class FinderRecipe:
    """Everything that decides a finder's weights, besides the machine.

    Raises:
        RecipeError: If a value is out of range.
    """

    train: tuple[Path, ...]
    """Page sets (.parquet) to train on, relative to the recipe."""
    val: tuple[Path, ...]
    """Page sets to validate on."""
    optim: OptimRecipe
    """The optimiser; ``batch`` counts pieces of pages."""
    seed: int = 1
    """Of everything that is drawn."""
    shares: Mapping[str, float] = field(default_factory=dict)
    """How often a page of a data set is drawn, against 1 for one of a data set that is not named."""
    validate_every: int = 1000
    """Steps between validations."""
    checkpoint_every: int = 250
    """Steps between checkpoints."""

    def __post_init__(self) -> None:
        require_seed(self.seed)
        if not self.train or not self.val:
            raise RecipeError("train and val need a page set each")
        if self.validate_every < 1 or self.checkpoint_every < 1:
            raise RecipeError("validate_every and checkpoint_every must be at least 1")
        if wrong := [name for name, share in self.shares.items() if not (share >= 0 and math.isfinite(share))]:
            raise RecipeError(f"shares.{wrong[0]}: must be at least 0, found {self.shares[wrong[0]]}")
        if self.optim.sam or self.optim.compile:
            raise RecipeError("optim: sam and compile are not for finders", remedy="leave them out")

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of every setting: a checkpoint is not resumed under another recipe."""
        return digest_settings(self)


def load_finder_recipe(path: Path) -> FinderRecipe:
    """Read a recipe.

    Raises:
        RecipeError: If the file is missing, is not TOML, or has an unknown key or an impossible value.
    """
    return parse_config(FinderRecipe, read_toml(path), where=str(path))
