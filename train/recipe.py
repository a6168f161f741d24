"""A training recipe: one TOML file, every key checked."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from inkport.core.config import parse_config, to_plain
from inkport.core.errors import RecipeError
from inkport.core.preprocess import PreprocessSpec
from inkport.lines.audit import Problem


@dataclass(frozen=True, kw_only=True)
class DataRecipe:
    """Which lines to learn from, and which to select by."""

    train: tuple[Path, ...]
    """Line sets to train on; relative paths start at the recipe's folder."""
    val: tuple[Path, ...]
    """Line sets that choose the best weights; never a test set."""
    skip: tuple[Problem, ...] = ()
    """Problems whose lines are left out (and counted) instead of refused."""


@dataclass(frozen=True, kw_only=True)
class AugmentRecipe:
    """Strength of the augmentation; 0 switches a part off."""

    scale_x: float = 0.15
    """Largest relative change of width."""
    scale_y: float = 0.12
    """Largest relative change of height."""
    shear: float = 0.4
    """Largest horizontal shift per row, both ways: slant."""
    rotate: float = 0.02
    """Largest vertical shift per column, as a share of the height per line height."""
    shift: float = 0.06
    """Largest vertical shift, as a share of the height."""
    elastic: float = 1.5
    """Standard deviation of the elastic field, in pixels."""
    stroke: float = 0.6
    """Largest weight of the thickened or thinned image."""
    contrast: float = 0.4
    """Largest relative change of contrast."""
    gamma: float = 0.4
    """Largest absolute log of the gamma curve."""
    shade: float = 0.1
    """Largest strength of a linear shade over the paper, as a share of white."""
    noise: float = 0.04
    """Largest standard deviation of Gaussian noise, as a share of white."""
    blur: float = 0.7
    """Largest weight of the blurred image."""
    mask: float = 0.3
    """Probability that a line gets masked spans."""


class OptimiserKind(StrEnum):
    """Which optimiser moves the weights."""

    ADAMW = "adamw"
    """AdamW for all of them."""
    MUON = "muon"
    """Muon for hidden matrices and filters, AdamW for the rest."""


@dataclass(frozen=True, kw_only=True)
class OptimRecipe:
    """The optimiser and its schedule.

    Raises:
        RecipeError: If a value is out of range.
    """

    steps: int
    """Optimiser steps."""
    batch: int = 48
    """Lines per step, over all processes."""
    optimiser: OptimiserKind = OptimiserKind.ADAMW
    """Which optimiser."""
    lr: float = 2e-3
    """Peak learning rate, on AdamW's scale for both optimisers."""
    warmup: float = 0.03
    """Share of the steps over which the rate rises linearly."""
    weight_decay: float = 0.05
    """Decoupled weight decay, on matrices and filters only."""
    clip: float = 2.0
    """Largest norm of the gradient."""
    ema: float = 0.999
    """Decay of the moving average of the weights, which is what is kept."""
    shortcut: float = 0.1
    """Weight of the auxiliary CTC loss on the CNN features (Retsinas et al. 2022)."""
    bf16: bool = True
    """Whether the forward pass runs under bfloat16 autocast."""

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 1:
            raise RecipeError(f"optim: steps and batch must be at least 1, found {self.steps} and {self.batch}")
        if not (self.lr > 0 and 0 <= self.warmup < 1 and 0 <= self.ema < 1 and self.clip > 0):
            raise RecipeError("optim: lr and clip must be above 0, warmup and ema within 0..1")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that decides a training run, together with the data."""

    model: str
    """Name of the network."""
    version: str = "1"
    """Version to give the weights."""
    seed: int = 1
    """Seed of everything random."""
    start: Path | None = None
    """Weights to start from, relative to the recipe; fresh ones if left out."""
    data: DataRecipe
    """Lines."""
    optim: OptimRecipe
    """Optimiser."""
    augment: AugmentRecipe = field(default_factory=AugmentRecipe)
    """Augmentation."""
    preprocess: PreprocessSpec = field(default_factory=PreprocessSpec)
    """Preprocessing of the recogniser to be."""
    validate_every: int = 1000
    """Steps between validations."""
    checkpoint_every: int = 500
    """Steps between checkpoints."""

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of every setting, so that a checkpoint is never resumed under another recipe."""
        return hashlib.sha256(json.dumps(to_plain(self), sort_keys=True).encode()).hexdigest()


def load_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        RecipeError: If the file is missing, is not TOML, or has an unknown key or an impossible value.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read ({error})") from error
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{path}: not valid TOML ({error})") from error
    return parse_config(Recipe, data, where=str(path))
