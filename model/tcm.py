"""Textual Context Module of HTR-ConvText: the features must let a reader guess each character from its neighbours.

Training only, beside the network and never part of it: for each character of the text, the characters left of
it (and, apart, those right of it) make a query that looks at the features of the line and names the character.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class TextualContext(nn.Module):
    """Loss of naming each character from its neighbours and the line.

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
