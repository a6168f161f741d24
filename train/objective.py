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


@dataclass(frozen=True, kw_only=True)
class Step:
    """One batch as the network saw it."""

    images: Tensor
    """Augmented, normalised images, float32 (n, 1, h, w)."""
    frames: Tensor
    """int64 (n,), frames that belong to each line; later ones are padding."""
    batch: Batch
    """Targets."""


class Objective(Protocol):
    """One part of what is minimised."""

    def __call__(self, output: TrainOutput, step: Step) -> Tensor:
        """Return the loss of a batch, a float32 scalar, its weight applied."""


@dataclass(frozen=True, kw_only=True)
class Ctc:
    """CTC of the head and, by weight, of auxiliary heads."""

    shortcut: float
    """Weight of each auxiliary head."""

    def __call__(self, output: TrainOutput, step: Step) -> Tensor:
        """Return the weighted sum."""
        loss = ctc_loss(output.logits, step.frames, step.batch)
        for auxiliary in output.auxiliary.values():
            loss = loss + self.shortcut * ctc_loss(auxiliary, step.frames, step.batch)
        return loss


def objectives(recipe: Recipe) -> Mapping[str, Objective]:
    """Return what a recipe asks for, by name."""
    return {"ctc": Ctc(shortcut=recipe.optim.shortcut)}


def ctc_loss(logits: Tensor, frames: Tensor, batch: Batch) -> Tensor:
    """Return the CTC loss per label, averaged over lines, in float32.

    Args:
        logits: (n, t, k), blank first.
        frames: int64 (n,), frames that belong to each line.
        batch: Targets.
    """
    log_probs = logits.float().log_softmax(dim=2).transpose(0, 1)
    targets, lengths = batch.targets.to(logits.device), batch.lengths.to(logits.device)
    return F.ctc_loss(log_probs, targets, frames, lengths, blank=0, reduction="mean", zero_infinity=True)
