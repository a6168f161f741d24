"""Fine-tuning on a few lines by one writer, weighed against the weights it started from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from inkport.core.config import to_plain
from inkport.core.errors import LineDataError
from inkport.core.files import sha256_file
from inkport.core.metrics import ErrorRate, cer
from inkport.core.scratch import scratch
from inkport.core.spec import RecogniserSpec
from inkport.lines.audit import Audit, audit_for
from inkport.lines.line import Line
from inkport.lines.roles import LINE_DIGESTS, Role, record_lines
from inkport.lines.source import digest_lines
from inkport.model.average import average_tensors
from inkport.model.weights import Weights, load_weights
from inkport.train.adapt.settings import AdaptSettings
from inkport.train.dataset import TrainingLines
from inkport.train.distributed import Group
from inkport.train.evaluate import read_all
from inkport.train.loop import Trainer
from inkport.train.prepare import Prepared, choose_charset, fit_start
from inkport.train.recipe import Recipe


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
class Request:
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


def adapt(request: Request, *, say: Say = lambda _: None) -> Adapted:
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
    own = _audit(request.lines, spec, settings)
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
    request: Request
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


def _audit(lines: Sequence[Line], spec: RecogniserSpec, settings: AdaptSettings) -> Audit:
    return audit_for(lines, spec, skip=settings.skip)


def _rehearsal(request: Request, spec: RecogniserSpec) -> Audit:
    """Draw as many rehearsal lines as the training sees, so that few of them come twice."""
    settings = request.settings
    wanted = round(settings.rehearsal_share * settings.steps_for(len(request.lines)) * settings.batch)
    order = np.random.default_rng([settings.seed, 1]).permutation(len(request.rehearse))[:wanted]
    return _audit([request.rehearse[i] for i in sorted(order)], spec, settings)


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
