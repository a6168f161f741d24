"""The recipe of a finder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from inkport.core.config import parse_config, require_seed
from inkport.core.documents import read_toml
from inkport.core.errors import RecipeError
from inkport.model.finder import FinderConfig
from inkport.train.recipe import OptimRecipe, digest_settings


FOREIGN = ("shortcut", "sam", "compile")
"""Settings of the optimiser that a finder has nothing for; each must be left at its default."""


@dataclass(frozen=True, kw_only=True)
class SceneRecipe:
    """What examples are taken from besides single pages of page sets; all shares are 0..1.

    Raises:
        RecipeError: If a share is out of range, or pages are to be composed of no fonts or texts.
    """

    composed: float = 0.0
    """Share of examples from pages composed of rendered lines."""
    empty: float = 0.0
    """Share from empty paper."""
    pictures: float = 0.0
    """Share from what stands for photographs."""
    spreads: float = 0.0
    """How often a page, composed or not, has another one beside it."""
    fonts: Path | None = None
    """Folder of handwriting fonts for composed pages, relative to the recipe."""
    texts: tuple[Path, ...] = ()
    """UTF-8 texts for composed pages, one paragraph per line, relative to the recipe."""

    def __post_init__(self) -> None:
        shares = {name: getattr(self, name) for name in ("composed", "empty", "pictures", "spreads")}
        for name, share in shares.items():
            if not 0 <= share <= 1:
                raise RecipeError(f"scenes.{name} must be within 0..1, found {share:g}")
        if (together := self.composed + self.empty + self.pictures) >= 1:
            raise RecipeError(
                f"scenes: composed, empty and pictures are {together:g} together, which leaves no example for pages",
                remedy="make them less than 1 together",
            )
        if self.composed > 0 and (self.fonts is None or not self.texts):
            raise RecipeError(
                "scenes.composed: pages are composed of fonts and texts, and one of them is missing",
                remedy="name both under [scenes], or leave composed out",
            )


@dataclass(frozen=True, kw_only=True)
class FinderRecipe:
    """Everything that decides a finder's weights, besides the machine.

    Raises:
        RecipeError: If a value is out of range.
    """

    train: tuple[Path, ...]
    """Page sets (.parquet) to train on, relative to the recipe."""
    val: tuple[Path, ...]
    """Page sets that choose the best weights, relative to the recipe."""
    optim: OptimRecipe
    """The optimiser; ``batch`` counts examples, which are pieces of pages."""
    version: str = "1"
    """Version to give the weights."""
    seed: int = 1
    """Of everything that is drawn."""
    shares: Mapping[str, float] = field(default_factory=dict)
    """How often a page of a data set is drawn, against 1 for one of a data set that is not named."""
    scenes: SceneRecipe = field(default_factory=SceneRecipe)
    """What examples are taken from besides pages."""
    network: FinderConfig = field(default_factory=FinderConfig)
    """Sizes of the network."""
    validate_every: int = 1000
    """Steps between validations."""
    checkpoint_every: int = 250
    """Steps between checkpoints."""
    licence: str = ""
    """What whoever uses the weights has to keep to."""
    attribution: str = ""
    """Whom to credit."""

    def __post_init__(self) -> None:
        require_seed(self.seed)
        if not self.train or not self.val:
            raise RecipeError("train and val need a page set each")
        if self.validate_every < 1 or self.checkpoint_every < 1:
            raise RecipeError(
                f"validate_every and checkpoint_every must be at least 1, found {self.validate_every} "
                f"and {self.checkpoint_every}"
            )
        if wrong := [name for name, share in self.shares.items() if not (share >= 0 and math.isfinite(share))]:
            raise RecipeError(f"shares.{wrong[0]} must be at least 0, found {self.shares[wrong[0]]:g}")
        plain = OptimRecipe(steps=1)
        if foreign := [name for name in FOREIGN if getattr(self.optim, name) != getattr(plain, name)]:
            raise RecipeError(f"optim.{foreign[0]} is not for finders", remedy="leave it out")

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
