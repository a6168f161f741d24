"""What the finder's maps lose against the true ones."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


ENDS = 0.5
"""Weight of the maps of starts and ends."""
RARE = 6.0
"""How much more a cell counts that holds a start or an end: one in two hundred does."""
HEIGHTS = 0.3
"""Weight of the heights."""
TURNS = 0.3
"""Weight of the turns."""


def finder_loss(maps: Tensor, turns: Tensor, true: Tensor, known: Tensor, true_turns: Tensor) -> Tensor:
    """Return the loss of a batch, a scalar.

    The core's is cross-entropy and Dice's overlap (Milletari et al. 2016, arXiv 1606.04797); the heights' is their
    absolute difference in octaves, where the core is.

    Args:
        maps: float32 (n, 5, h, w), as ``Finder`` returns them.
        turns: float32 (n, 5, h / 4, w / 4), the same.
        true: float32 (n, 5, h, w).
        known: bool (n, h, w).
        true_turns: int64 (n, h / 4, w / 4), -1 where it is not known.
    """
    core, here = true[:, 0], known.float()
    entropy = F.binary_cross_entropy_with_logits(maps[:, 0], core, here, reduction="sum") / here.sum().clamp(min=1)
    found = torch.sigmoid(maps[:, 0]) * here
    overlap = (2 * (found * core).sum() + 1) / (found.sum() + (core * here).sum() + 1)
    ends = true[:, 1:3]
    weight = (1 + RARE * ends) * here.unsqueeze(1)
    at_ends = F.binary_cross_entropy_with_logits(maps[:, 1:3], ends, weight, reduction="sum") / weight.sum().clamp(
        min=1
    )
    on = ((core > 0.5) & known).unsqueeze(1).float()
    heights = (F.l1_loss(maps[:, 3:], true[:, 3:], reduction="none") * on).sum() / (2 * on.sum()).clamp(min=1)
    turn = F.cross_entropy(turns, true_turns, ignore_index=-1)
    return entropy + 0.5 * (1 - overlap) + ENDS * at_ends + HEIGHTS * heights + TURNS * turn
