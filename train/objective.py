"""What a training minimises: a sum of named objectives, each a function of one batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch.nn.functional as F
from torch import Tensor

from inkport.model.recogniser import TrainOutput
from inkport.train.dataset import Batch
from inkport.train.recipe import Recipe
from inkport.train.transfer import send


@dataclass(frozen=True, kw_only=True)
class Step:
    """One batch as the network saw it."""

    images: Tensor
    """Augmented, normalised images, float32 (n, 1, h, w)."""
    moved: Tensor
    """The same lines, normalised, with the geometry of their augmentation alone."""
    frames: Tensor
    """int64 (n,) on the host, frames that belong to each line; later ones are padding."""
    batch: Batch
    """Targets; of a line without a transcription there are none."""


class Objective(Protocol):
    """One part of what is minimised."""

    def __call__(self, output: TrainOutput, step: Step) -> Tensor:
        """Return the loss of a batch, a float32 scalar, its weight applied."""


@dataclass(frozen=True, kw_only=True)
class Ctc:
    """CTC of the head and, by weight, of auxiliary heads."""

    shortcut: float
    """Weight of each auxiliary head."""
    weight: float = 1.0
    """Weight of the whole."""

    def __call__(self, output: TrainOutput, step: Step) -> Tensor:
        """Return the weighted sum."""
        loss = ctc_loss(output.logits, step.frames, step.batch)
        for auxiliary in output.auxiliary.values():
            loss = loss + self.shortcut * ctc_loss(auxiliary, step.frames, step.batch)
        return self.weight * loss


def ctc(recipe: Recipe) -> Mapping[str, Objective]:
    """Return the CTC objective as a recipe asks for it, by name."""
    weight = 1.0 if recipe.distil is None else recipe.distil.ctc
    return {"ctc": Ctc(shortcut=recipe.optim.shortcut, weight=weight)}


def ctc_loss(logits: Tensor, frames: Tensor, batch: Batch) -> Tensor:
    """Return the CTC loss per label, averaged over lines, in float32.

    Args:
        logits: (n, t, k), blank first.
        frames: int64 (n,) on the host, frames that belong to each line.
        batch: Targets.
    """
    return ctc_of(logits, frames, batch.targets, batch.lengths)


def ctc_of(logits: Tensor, frames: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
    """Return the CTC loss per label, averaged over the lines that have labels, in float32; 0 if none has.

    A line without labels has no part in it: to CTC it would be a line on which nothing is written.

    Args:
        logits: (n, t, k), blank first.
        frames: int64 (n,) on the host, frames that belong to each line.
        targets: int64 (sum of lengths,) on the host, labels, one line after the other.
        lengths: int64 (n,) on the host, labels per line.
    """
    if not lengths.all():
        rows = lengths.nonzero().squeeze(1)
        if not len(rows):
            return logits.sum().float() * 0
        there = send(rows, logits.device)
        lengths, logits, frames = lengths[rows], logits[there], frames[there]
    log_probs = logits.float().log_softmax(dim=2).transpose(0, 1)
    return F.ctc_loss(
        log_probs, send(targets, logits.device), frames, lengths, blank=0, reduction="mean", zero_infinity=True
    )
