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
        loss = ctc_loss(output.logits, step.frames, step.batch.targets, step.batch.lengths)
        for auxiliary in output.auxiliary.values():
            loss = loss + self.shortcut * ctc_loss(auxiliary, step.frames, step.batch.targets, step.batch.lengths)
        return self.weight * loss


def ctc_loss(logits: Tensor, frames: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
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
    weight = 1.0 if recipe.distil is None else recipe.distil.ctc
    found: dict[str, Objective] = {"ctc": Ctc(shortcut=recipe.optim.shortcut, weight=weight)}
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


class TextualContext(nn.Module):
    """Loss of naming each character from its neighbours and the line, for training alone, never part of the network.

    For each character of the text, the characters left of it (and, apart, those right of it) make a query that looks at
    the features of the line and names the character.

    Args:
        classes: Classes of the CTC head, blank included; one more id stands for places beyond the text.
        dim: Width of the visual features.
        embedding: Width of a character's embedding.
        window: Characters on each side.
        dropout: Dropout of the attention's weights.

    Source:
        HTR-ConvText (arXiv 2512.05021), as described; the published sizes are the defaults.
    """

    def __init__(
        self, classes: int, dim: int = 512, *, embedding: int = 256, window: int = 5, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.pad, self.window, self.scale = classes, window, dim**-0.5
        self.embedding = nn.Embedding(classes + 1, embedding, padding_idx=self.pad)
        self.mix = nn.Conv1d(embedding, embedding, 3, padding=1)
        self.direction = nn.Parameter(torch.randn(2, embedding))
        self.project = nn.Linear(embedding, dim)
        self.query_norm = nn.LayerNorm(dim)
        self.feature_norm = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Linear(dim, classes + 1)

    def windows(self, targets: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the neighbours of each character, without the character itself.

        Args:
            targets: int64 (n, l), labels; what lies beyond a length is ignored.
            lengths: int64 (n,), characters per line, 0 to l.

        Returns:
            Left and right windows, both int64 (n, l, window) in reading order, filled up with the padding id.
        """
        places = torch.arange(targets.shape[1], device=targets.device)
        text = torch.where(places < lengths[:, None], targets, self.pad)
        padded = F.pad(text, (self.window, self.window), value=self.pad)
        # Place i of the text is place i + window here: the windows start at i and at i + window + 1.
        runs = padded.unfold(1, self.window, 1)
        count = targets.shape[1]
        return runs[:, :count], runs[:, self.window + 1 : self.window + 1 + count]

    def logits(self, features: Tensor, targets: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the left and the right neighbours make of each character.

        Args:
            features: (n, t, dim), as in ``TrainOutput.context``.
            targets: As for ``windows``.
            lengths: As for ``windows``.

        Returns:
            Logits (n, l, classes + 1), of the left and of the right windows.
        """
        n, count = targets.shape
        # Both sides at once: first all left windows, then all right ones.
        ids = torch.stack(self.windows(targets, lengths)).reshape(-1, self.window)
        mixed = self.mix(self.embedding(ids).transpose(1, 2)).mean(dim=2).unflatten(0, (2, n, count))
        queries = self.query_norm(self.project(mixed + self.direction[:, None, None]))
        visual = self.feature_norm(features)
        scores = torch.matmul(queries * self.scale, visual.transpose(1, 2))
        seen = torch.matmul(self.dropout(torch.softmax(scores, dim=-1)), visual)
        left, right = self.classify(seen)
        return left, right

    def forward(self, features: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        """Return the mean over all characters of the batch of (CE left + CE right) / 2, in float32.

        Args:
            features: As for ``logits``.
            targets: As for ``windows``.
            lengths: As for ``windows``; if all are 0, the loss is 0.
        """
        left, right = self.logits(features, targets, lengths)
        valid = torch.arange(targets.shape[1], device=targets.device) < lengths[:, None]
        wanted = torch.where(valid, targets, -1)
        sums = [
            F.cross_entropy(side.float().flatten(0, 1), wanted.flatten(), ignore_index=-1, reduction="sum")
            for side in (left, right)
        ]
        return (sums[0] + sums[1]) / (2 * valid.sum().clamp(min=1))


def pad_targets(targets: Tensor, lengths: Tensor) -> Tensor:
    """Return labels that lie one line after the other, int64 (sum of lengths,), as int64 (n, longest), zero-filled."""
    places = torch.arange(int(lengths.max()), device=targets.device)
    padded = torch.zeros(len(lengths), len(places), dtype=targets.dtype, device=targets.device)
    return padded.masked_scatter(places < lengths[:, None], targets)
