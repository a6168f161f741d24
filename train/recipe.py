"""A training recipe: one TOML file, every key checked."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from inkport.core.config import parse_config, require_seed, to_plain
from inkport.core.documents import read_toml
from inkport.core.errors import RecipeError
from inkport.core.preprocess import PreprocessSpec
from inkport.core.spec import SCHEMA_1
from inkport.lines.problem import Problem
from inkport.train.overrides import merge
from inkport.train.recipe_sections import ConsistencyRecipe, ContextRecipe, DistilRecipe, QatRecipe


MOST_SPANS = 256
"""Most masked spans: of 8 columns each, they cover the widest line of ours."""
MOST_WIDENING = 3.0
"""Largest widening: a line of the widest hands is twice as wide as an ordinary one."""
MOST_TIMES = 1000
"""Most times that a line is seen while others are seen once: an epoch holds the index of each."""
MOST_BATCH = 65_536
"""Most lines per step: a hundred times what any machine of ours holds."""


@dataclass(frozen=True, kw_only=True)
class DataRecipe:
    """Which lines to learn from, and which to select by.

    Raises:
        RecipeError: If a line is to be seen no time at all, or too often.
    """

    train: tuple[Path, ...]
    """Line sets to train on; relative paths start at the recipe's folder."""
    val: tuple[Path, ...]
    """Line sets that choose the best weights; never a test set."""
    skip: tuple[Problem, ...] = ()
    """Problems whose lines are left out (and counted) instead of refused."""
    times: Mapping[str, float] = field(default_factory=dict)
    """How often each line of a data set is seen in the time that others are seen once, by the data set's name."""
    unlabelled: tuple[Path, ...] = ()
    """Line sets whose transcriptions are not looked at: what a teacher says of them is all that they teach."""
    allow_test_lines: bool = False
    """Whether lines that are for testing may be learned from or selected by; the weights' provenance then says so."""
    resident: bool = True
    """Whether a GPU holds all images in its memory; else each batch is made on the host and copied."""

    def __post_init__(self) -> None:
        if wrong := {name: times for name, times in self.times.items() if not 0 < times <= MOST_TIMES}:
            raise RecipeError(f"data.times must be above 0 and at most {MOST_TIMES}, found {wrong}")


@dataclass(frozen=True, kw_only=True)
class AugmentRecipe:
    """Strength of the augmentation; 0 switches a part off.

    Raises:
        RecipeError: If a value is out of range.
    """

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
    spans: int = 3
    """Masked spans of such a line, each of 8 to 32 columns; they may overlap."""
    perspective: float = 0.0
    """Largest relative change of size from the middle of the line to an end."""
    paper: float = 0.0
    """Largest darkening of the paper: an even tint, stains and grain."""
    neighbours: float = 0.0
    """Probability that strokes of another line reach into the image from above or below."""
    crop: float = 0.0
    """Probability that a line is cropped otherwise, as a finder of lines may (``inkport.train.crop``)."""
    join: float = 0.0
    """Probability that a line is followed by another short one, with a space between their texts."""
    widen: float = 0.0
    """Largest relative widening of the batches that are widened, a quarter of them."""
    cut: float = 0.0
    """Probability that an end of the line is cut off, each end by itself, by at most a quarter of the height."""
    faint: float = 0.0
    """Probability that the ink is faint, as a pencil's."""
    ruling: float = 0.0
    """Probability that the paper is ruled: dotted, dashed, with whole lines, or squared."""

    def __post_init__(self) -> None:
        shares = (self.paper, self.neighbours, self.crop, self.join, self.cut, self.faint, self.ruling)
        if not 0 <= self.spans <= MOST_SPANS or not all(0 <= x <= 1 for x in shares):
            raise RecipeError(
                f"augment: spans must be within 0..{MOST_SPANS}, paper, neighbours, crop, join, cut, faint and ruling "
                f"within 0..1: {self}"
            )
        if not 0 <= self.widen <= MOST_WIDENING:
            raise RecipeError(f"augment: widen must be within 0..{MOST_WIDENING}, found {self.widen}")
        if not 0 <= self.perspective < 1:
            raise RecipeError(f"augment: perspective must be at least 0 and below 1, found {self.perspective}")


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
    sam: float = 0.0
    """Radius of sharpness-aware minimisation, which doubles the work per step; 0 switches it off."""
    compile: bool = False
    """Whether torch.compile makes the forward and backward pass into kernels first."""

    def __post_init__(self) -> None:
        if self.steps < 1 or not 1 <= self.batch <= MOST_BATCH:
            raise RecipeError(
                f"optim: steps must be at least 1 and batch within 1..{MOST_BATCH}, found {self.steps} and {self.batch}"
            )
        if not (self.lr > 0 and 0 <= self.warmup < 1 and 0 <= self.ema < 1 and self.clip > 0):
            raise RecipeError("optim: lr and clip must be above 0, warmup and ema within 0..1")
        if self.sam < 0:
            raise RecipeError(f"optim: sam must be at least 0, found {self.sam}")


class CharsetSource(StrEnum):
    """Which symbols the recogniser knows."""

    LINES = "lines"
    """Those of the training texts, by code point; weights to start from must know exactly these."""
    START = "start"
    """Those of the weights to start from; a text with another symbol is refused."""
    EXTEND = "extend"
    """Those of the weights to start from, in their order, then those that only the training texts have."""
    TEACHER = "teacher"
    """Those of the teacher; a text with another symbol is refused."""


class Pretrained(StrEnum):
    """Weights of others to start from, read from a package that is installed and is not ours."""

    PPOCR = "ppocr"
    """PP-OCRv6_rec_small, which rapidocr brings along (``inkport.model.ppocr_weights``), for ``ppocr-small``."""


class Frozen(StrEnum):
    """A part of the network that stays as it is."""

    CNN = "cnn"
    """All that turns the image into features: weights and batch-norm statistics."""
    STATISTICS = "statistics"
    """Batch-norm statistics everywhere, which then normalise in training as they do when the network reads."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that decides a training run, together with the data.

    Raises:
        RecipeError: If the charset is to come from weights, or training is quantization-aware, and the recipe names no
            weights to start from; if it names two starts, or symbols beside those of weights; if a number of steps is
            below 1; or if the seed is out of range.
    """

    model: str
    """Name of the network."""
    version: str = "1"
    """Version to give the weights."""
    seed: int = 1
    """Seed of everything random."""
    start: Path | None = None
    """Weights to start from, relative to the recipe; fresh ones if left out."""
    init: Pretrained | None = None
    """Weights of others to start from, instead of ``start``; their head takes the charset of the recogniser to be."""
    charset: CharsetSource = CharsetSource.LINES
    """Where the symbols come from."""
    symbols: Path | None = None
    """UTF-8 text file of symbols that come first, in its order, relative to the recipe; then those of the lines."""
    freeze: tuple[Frozen, ...] = ()
    """Parts of the network that stay as they are."""
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
    distil: DistilRecipe | None = None
    """A teacher, and what to learn from it."""
    qat: QatRecipe | None = None
    """Quantization-aware training, if any."""
    consistency: ConsistencyRecipe | None = None
    """Two views of each line that must be read alike, if any."""
    tcm: ContextRecipe | None = None
    """The Textual Context Module, if any."""
    licence: str = ""
    """What whoever uses the weights has to keep to; exported files say so, with what the weights to start from say."""
    attribution: str = ""
    """Whom to credit, the same way."""
    network: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the network that differ from those that its name stands for."""

    def __post_init__(self) -> None:
        require_seed(self.seed)
        _check_preprocess(self.preprocess)
        if self.validate_every < 1 or self.checkpoint_every < 1:
            raise RecipeError(
                f"validate_every and checkpoint_every must be at least 1, found {self.validate_every} "
                f"and {self.checkpoint_every}"
            )
        if self.charset in (CharsetSource.START, CharsetSource.EXTEND) and self.start is None:
            raise RecipeError(
                f"charset {self.charset.value!r} takes symbols from the weights to start from, and start names none",
                remedy="name them with start, or leave charset out",
            )
        if self.init is not None and self.start is not None:
            raise RecipeError(f"start names {self.start} and init {self.init.value!r}", remedy="name one of them")
        if self.symbols is not None and self.charset is not CharsetSource.LINES:
            raise RecipeError(
                f"charset {self.charset.value!r} takes all symbols from weights, and symbols names {self.symbols}",
                remedy="leave one of them out",
            )
        if self.qat is not None and self.start is None:
            raise RecipeError(
                "qat needs trained weights to start from", remedy="train in fp32 first, and name the weights with start"
            )
        if self.qat is not None and self.optim.compile:
            raise RecipeError(
                "qat rounds inside the forward pass, which optim.compile replaces", remedy="set one of them"
            )
        if self.charset is CharsetSource.TEACHER and self.distil is None:
            raise RecipeError('charset = "teacher" needs a [distil] section that names one')
        if self.data.unlabelled and not (self.distil and self.distil.teaches):
            raise RecipeError(
                "data.unlabelled: lines without transcriptions teach nothing without a teacher",
                remedy="give [distil] a teacher and a weight above 0, or leave these lines out",
            )

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of every setting, so that a checkpoint is never resumed under another recipe."""
        return digest_settings(self)


def _check_preprocess(preprocess: PreprocessSpec) -> None:
    """Refuse what only imported recognisers have: training reads gray lines that are padded at the right.

    Raises:
        RecipeError: If a setting is one of theirs.
    """
    if theirs := sorted(to_plain(preprocess).keys() - SCHEMA_1):
        raise RecipeError(f"preprocess.{theirs[0]}: our own networks have no such setting", remedy="leave it out")


def load_recipe(path: Path, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Read a recipe.

    Args:
        path: A TOML file.
        overrides: Keys to change, nested or with dots.

    Raises:
        RecipeError: If the file is missing, is not TOML, or has an unknown key or an impossible value.
    """
    return parse_config(Recipe, merge(read_toml(path), overrides or {}), where=str(path))


FIRST_KEYS = frozenset(
    """
    model version seed start data optim augment preprocess validate_every checkpoint_every train val skip
    steps batch optimiser lr warmup weight_decay clip ema shortcut bf16
    scale_x scale_y shear rotate shift elastic stroke contrast gamma shade noise blur mask
    height width_multiple min_width max_width mean std background resampling
    """.split()  # noqa: SIM905 - a list would take 44 lines
)
"""Keys of the first recipes, which always count."""


def digest_settings(settings: Any) -> str:
    """Return the SHA-256 (hex) of a dataclass's values.

    A key that came later counts only away from its default, so that a checkpoint from before the key goes on; its
    default must therefore do what inkport did without the key.
    """
    return hashlib.sha256(json.dumps(_identity(settings), sort_keys=True).encode()).hexdigest()


def _identity(value: Any) -> Any:
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return to_plain(value)
    return {
        field.name: _identity(getattr(value, field.name))
        for field in dataclasses.fields(value)
        if field.name in FIRST_KEYS or getattr(value, field.name) != _default(field)
    }


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
