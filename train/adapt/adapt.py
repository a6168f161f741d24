"""Fine-tuning on a few lines by one writer, weighed against the weights it started from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np

from inkport.core.config import require_seed, to_plain
from inkport.core.errors import LineDataError, RecipeError
from inkport.core.files import sha256_file
from inkport.core.metrics import ErrorRate, cer
from inkport.core.scratch import scratch
from inkport.core.spec import RecogniserSpec
from inkport.lines.audit import Audit, audit_for
from inkport.lines.line import Line, digest_lines
from inkport.lines.problem import Problem
from inkport.lines.roles import LINE_DIGESTS, Role, record_lines
from inkport.model.weights import Weights, average_tensors, load_weights
from inkport.train.dataset import TrainingLines
from inkport.train.device import Group
from inkport.train.loop import Trainer
from inkport.train.network import read_all
from inkport.train.prepare import Prepared, choose_charset, fit_start
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


SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of the adapted weights that cross-validation chooses from."""

Say = Callable[[str], None]
"""Called with a sentence on each thing done."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A share, and how the mixture reads lines of the hand that its training left out."""

    share: float
    """Share of the adapted weights; the rest is the start's."""
    edits: int
    """Edits, over all folds."""
    length: int
    """Symbols of the texts, over all folds."""


@dataclass(frozen=True, kw_only=True)
class Adapted:
    """The result of an adaptation."""

    weights: Weights
    """The mixture."""
    share: float
    """Share of the adapted weights in it."""
    trials: tuple[Trial, ...]
    """What cross-validation saw; empty if there was none."""


@dataclass(frozen=True, kw_only=True)
class AdaptRequest:
    """What is adapted to what."""

    start: Path
    """Weights file of the recogniser."""
    lines: Sequence[Line]
    """Lines of the hand."""
    sources: Sequence[Path] = ()
    """Where they come from, for the record."""
    rehearse: Sequence[Line] = ()
    """Lines of other hands to draw rehearsal lines from."""
    settings: AdaptSettings
    """How."""


def adapt(request: AdaptRequest, *, say: Say = lambda _: None) -> Adapted:
    """Fine-tune weights on the lines of a hand, and mix the result with the weights it started from.

    The share of the fine-tuned weights is the one that reads left-out lines best in cross-validation over the given
    lines; of equals the smallest. It may be 0: then the lines bring nothing, and the start comes back.

    Args:
        request: What is adapted to what.
        say: Called with a sentence on each thing done.

    Raises:
        ArtifactError: If the weights are missing or damaged.
        UnknownSymbolError: If the lines have symbols that the recogniser lacks, and the charset is not extended.
        LineDataError: If there is no line, or lines are unusable for a reason that is not skipped.

    Source:
        Weight interpolation: Wortsman et al., *Robust fine-tuning of zero-shot models* (2022),
        https://arxiv.org/abs/2109.01903.
    """
    settings = request.settings
    given = load_weights(request.start)
    recipe = settings.recipe(given.spec, start=request.start, sources=request.sources, lines=len(request.lines))
    charset = choose_charset(recipe, request.lines, given)
    spec = replace(given.spec, charset=charset)
    start = fit_start(given, spec, extend=settings.extend_charset, where=request.start)
    own = audit_for(request.lines, spec, skip=settings.skip)
    if not own.lines:
        raise LineDataError("there is no usable line to adapt to", remedy="pass lines by the writer with --lines")
    say(f"lines of the hand: {own.summary()}")
    rehearsal = _rehearsal(request, spec)
    if rehearsal.lines:
        say(f"rehearsal lines: {rehearsal.summary()}")
    job = _Job(start=start, spec=spec, request=request, rehearsal=rehearsal)
    trials = tuple(_cross_validate(job, own, say))
    share = min(trials, key=lambda trial: (trial.edits, trial.share)).share if trials else settings.share
    if trials:
        say("share of the adapted weights: " + ", ".join(f"{t.share:g}: {t.edits / t.length:.2%}" for t in trials))
    tensors = start.tensors
    if share > 0:
        tensors = average_tensors([start.tensors, job.train(own, own).tensors], [1 - share, share])
    provenance = _provenance(job, own, share, trials, given)
    return Adapted(weights=replace(start, tensors=tensors, provenance=provenance), share=share, trials=trials)


@dataclass(frozen=True, kw_only=True)
class _Job:
    start: Weights
    spec: RecogniserSpec
    request: AdaptRequest
    rehearsal: Audit

    def recipe(self, lines: int) -> Recipe:
        request = self.request
        return request.settings.recipe(self.spec, start=request.start, sources=request.sources, lines=lines)

    def train(self, own: Audit, val: Audit) -> Weights:
        """Return the weights after a training on lines of the hand, mixed with rehearsal lines."""
        recipe, settings = self.recipe(len(own.lines)), self.request.settings
        lines = own
        if rehearsed := len(self.rehearsal.lines):
            repeats = max(
                1, round(rehearsed * (1 - settings.rehearsal_share) / settings.rehearsal_share / len(own.lines))
            )
            repeated = own.pick([*range(len(own.lines))] * repeats)
            lines = Audit(lines=repeated.lines + self.rehearsal.lines, inputs=repeated.inputs + self.rehearsal.inputs)
        data = Prepared(
            spec=self.spec,
            lines=TrainingLines(lines, self.spec.charset, self.spec.preprocess),
            train=Audit(lines=lines.lines),
            val=val,
            digest=digest_lines(lines.lines),
            start=self.start,
        )
        with scratch("adapt") as folder:
            Trainer(recipe, data, folder, group=Group(), report=lambda _: None).run()
            return load_weights(folder / "last.safetensors")


def _rehearsal(request: AdaptRequest, spec: RecogniserSpec) -> Audit:
    """Draw as many rehearsal lines as the training sees, so that few of them come twice."""
    settings = request.settings
    wanted = round(settings.rehearsal_share * settings.steps_for(len(request.lines)) * settings.batch)
    order = np.random.default_rng([settings.seed, 1]).permutation(len(request.rehearse))[:wanted]
    return audit_for([request.rehearse[i] for i in sorted(order)], spec, skip=settings.skip)


def _cross_validate(job: _Job, own: Audit, say: Say) -> list[Trial]:
    settings, count = job.request.settings, len(own.lines)
    folds = min(settings.folds, count)
    if folds < 2:
        return []
    order = np.random.default_rng([settings.seed, 0]).permutation(count)
    rates: dict[float, list[ErrorRate]] = {share: [] for share in SHARES}
    for fold in range(folds):
        left_out = sorted(order[fold::folds].tolist())
        val = own.pick(left_out)
        trained = job.train(own.pick(sorted(set(range(count)) - set(left_out))), val)
        for share in SHARES:
            rates[share].append(read_mixture(job.start, trained, share, val))
        say(f"fold {fold + 1} of {folds}: {len(left_out)} lines left out")
    return [
        Trial(share=share, edits=sum(r.edits for r in some), length=sum(r.length for r in some))
        for share, some in rates.items()
    ]


def read_mixture(start: Weights, trained: Weights, share: float, audit: Audit) -> ErrorRate:
    """Return how the mixture of two states of one network reads lines."""
    tensors = average_tensors([start.tensors, trained.tensors], [1 - share, share])
    readings = read_all(replace(start, tensors=tensors).network(), audit, start.spec.charset)
    return cer([line.text for line in audit.lines], readings)


def _provenance(job: _Job, own: Audit, share: float, trials: Sequence[Trial], given: Weights) -> dict[str, Any]:
    recipe, request = job.recipe(len(own.lines)), job.request
    return {
        "adapt": {
            "share": share,
            "trials": [to_plain(trial) for trial in trials],
            "settings": to_plain(request.settings),
            "lines": {"count": len(own.lines), "sha256": digest_lines(own.lines)},
            "rehearsal": {"count": len(job.rehearsal.lines), "sha256": digest_lines(job.rehearsal.lines)},
            "new_symbols": list(job.spec.charset.symbols[len(given.spec.charset.symbols) :]),
            "recipe": to_plain(recipe) | {"digest": recipe.digest},
            "start_sha256": sha256_file(request.start),
            "start": given.provenance,
        },
        LINE_DIGESTS: record_lines({Role.TRAIN: [*own.lines, *job.rehearsal.lines]}),
    }
