"""What a training minimises: CTC and what a recipe adds to it, each a function of one batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inkport.core.preprocess import PreprocessSpec
from inkport.model.recogniser import Recogniser, TrainOutput
from inkport.model.tcm import TextualContext, pad_targets
from inkport.train.dataset import Batch
from inkport.train.device import send
from inkport.train.recipe import Recipe
from inkport.train.recipe_sections import ContextRecipe


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


@dataclass(frozen=True, kw_only=True)
class Consistency:
    """Two augmented views of each line must be read alike, frame by frame (CR-CTC): their divergence, an ``Objective``.

    The batch holds all first views, then all second ones. As published, both share what moves things along the line, so
    that their frames belong together, and differ in what covers and colours them; each learns from the other as it is.

    Source:
        Yao et al., *CR-CTC: Consistency regularization on CTC for improved speech recognition* (ICLR 2025, arXiv
        2410.05101).
    """

    weight: float
    """Weight."""

    def __call__(self, output: TrainOutput, step: Step) -> Tensor:
        """Return the weighted loss."""
        device = output.logits.device
        frames, lengths = send(step.frames, device), send(step.batch.lengths, device)
        return self.weight * consistency_loss(output.logits, frames, lengths)


def consistency_loss(logits: Tensor, frames: Tensor, lengths: Tensor) -> Tensor:
    """Return the mean of both divergences, summed over frames, per label, averaged over lines with labels, in float32.

    The sum per label is what ``ctc_loss`` is too, which keeps the published ratio of both.

    Args:
        logits: (2 n, t, k), the first views before the second ones.
        frames: int64 (2 n,), frames that belong to each line.
        lengths: int64 (2 n,), labels per line; a line without any has no part in it.
    """
    first, second = logits.float().log_softmax(dim=2).chunk(2)
    both = F.kl_div(first, second.detach(), reduction="none", log_target=True)
    both = both + F.kl_div(second, first.detach(), reduction="none", log_target=True)
    n = len(first)
    inside = torch.arange(logits.shape[1], device=logits.device) < frames[:n, None]
    per_line = (0.5 * both.sum(dim=2) * inside).sum(dim=1)
    labelled = lengths[:n] > 0
    return (per_line * labelled / lengths[:n].clamp(min=1)).sum() / labelled.sum().clamp(min=1)


class Context(nn.Module):
    """The weighted loss of a ``TextualContext``, an ``Objective``.

    Its parameters train beside the network, lie in checkpoints, and are never part of any weights.

    Args:
        recipe: Settings.
        classes: Classes of the CTC head, blank included.
        dim: Width of the features that the network offers.
        seed: Of the first values.
    """

    def __init__(self, recipe: ContextRecipe, *, classes: int, dim: int, seed: int) -> None:
        super().__init__()
        self.weight = recipe.weight
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.module = TextualContext(
                classes, dim, embedding=recipe.embedding, window=recipe.window, dropout=recipe.dropout
            )

    def forward(self, output: TrainOutput, step: Step) -> Tensor:
        """Return the loss of a batch, float32."""
        features = output.context.float()
        batch, device = step.batch, features.device
        targets = send(pad_targets(batch.targets, batch.lengths), device)
        loss: Tensor = self.module(features, targets, send(batch.lengths, device))
        return self.weight * loss


def context_width(network: Recogniser, preprocess: PreprocessSpec) -> int:
    """Return the width of ``TrainOutput.context`` of a network, as it is: a pruned one differs from its name."""
    device, training = next(network.parameters()).device, network.training
    image = torch.ones(1, 1, preprocess.height, preprocess.width_multiple * 4, device=device)
    network.eval()
    with torch.no_grad():
        width = network.forward_train(image).context.shape[2]
    network.train(training)
    return width


def objectives(recipe: Recipe, network: Recogniser) -> Mapping[str, Objective]:
    """Return CTC and what the recipe adds to it, by name; parameters lie where the network lies.

    Args:
        recipe: Names them.
        network: What is trained, on its device.
    """
    found: dict[str, Objective] = dict(ctc(recipe))
    if recipe.consistency is not None:
        found["consistency"] = Consistency(weight=recipe.consistency.weight)
    if recipe.tcm is not None:
        dim = context_width(network, recipe.preprocess)
        context = Context(recipe.tcm, classes=network.config.classes, dim=dim, seed=recipe.seed)
        found["tcm"] = context.to(next(network.parameters()).device)
    return found


def views(recipe: Recipe) -> int:
    """Return how many augmented views of each line a step sees."""
    return 1 if recipe.consistency is None else 2
