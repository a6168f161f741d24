"""Faint ink: what a hard pencil or a worn pen leaves, of which real training lines have few."""

from __future__ import annotations

import torch
from torch import Tensor

from inkport.train.draw import Draw


CONTRAST = (0.08, 0.3)
"""Contrast of faint ink: that of a hard pencil is below 0.15, that of an ordinary pen about 0.5."""
PAPER = 0.75
"""Quantile of a line's grays that is its paper: ink takes less than a quarter of a line."""
INK = 0.03
"""Quantile of a line's grays that is its ink."""
SAMPLE_PX = 3
"""Every third row and column is enough to know both."""


def fade(images: Tensor, probability: float, draw: Draw) -> Tensor:
    """Bring the ink of some lines close to their paper.

    Args:
        images: float32 (n, 1, h, w), 0 black .. 1 white.
        probability: Probability per line.
        draw: Random numbers.
    """
    on = draw.uniform(draw.n, 1, 1, 1) < probability
    wanted = CONTRAST[0] + (CONTRAST[1] - CONTRAST[0]) * draw.uniform(draw.n, 1, 1, 1)
    grays = images[:, :, ::SAMPLE_PX, ::SAMPLE_PX].flatten(1)
    quantiles = torch.quantile(grays, torch.tensor([INK, PAPER], device=images.device), dim=1)
    ink, paper = quantiles.view(2, -1, 1, 1, 1)
    remains = (wanted / (paper - ink).clamp(min=1e-3)).clamp(max=1)
    return torch.where(on, paper + (images - paper) * remains, images)
