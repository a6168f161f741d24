"""Two augmented views of each line must be read alike, frame by frame (CR-CTC).

Source: Yao et al., *CR-CTC: Consistency regularization on CTC for improved speech recognition* (ICLR 2025, arXiv
2410.05101). As there, both views share what moves things along the line, so that their frames belong together, and
differ in what covers and colours them; each view learns from the other one as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from inkport.model.recogniser import TrainOutput
from inkport.train.objective import Step
from inkport.train.transfer import send


@dataclass(frozen=True, kw_only=True)
class Consistency:
    """The divergence between the views, an ``Objective``; the batch holds all first views, then all second ones."""

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
