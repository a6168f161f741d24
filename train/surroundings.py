"""What lies behind and beside the strokes: tinted, stained, grainy paper, and strokes of neighbouring lines."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from inkport.train.draw import Draw


STAIN_PX = 40
"""Pixels between the nodes of stains: larger than a letter."""
GRAIN_PX = 3
"""Pixels between the nodes of the grain: about a stroke's width."""


def age(images: Tensor, limit: float, draw: Draw) -> Tensor:
    """Darken the paper: evenly, in stains, and in grain. Ink, which is dark already, hardly changes.

    Args:
        images: float32 (n, 1, h, w), 0 black .. 1 white.
        limit: Largest darkening of white, 0 .. 1.
        draw: Random numbers.
    """
    n, _, height, width = images.shape
    dark = draw.uniform(n, 1, 1, 1).expand_as(images)
    for step in (STAIN_PX, GRAIN_PX):
        nodes = draw.uniform(n, 1, height // step + 2, width // step + 2)
        dark = dark + F.interpolate(nodes, size=(height, width), mode="bilinear", align_corners=False)
    # The mean of three numbers in 0 .. 1, then per line how much of it.
    return images * (1 - dark / 3 * draw.uniform(n, 1, 1, 1) * limit)


def add_neighbours(images: Tensor, probability: float, draw: Draw) -> Tensor:
    """Let strokes of another line of the batch reach in from above or from below, over at most a quarter of the height.

    Args:
        images: float32 (n, 1, h, w), 0 black .. 1 white; at least two lines, else nothing changes.
        probability: Probability per line.
        draw: Random numbers.
    """
    n, _, height, _ = images.shape
    on = (draw.uniform(n) < probability) & (n > 1)
    reach = 1 + (draw.uniform(n) * (height // 4 - 1)).long()
    below = draw.uniform(n) < 0.5
    other = images.roll(1, dims=0)
    rows = torch.arange(height, device=images.device)
    # Row r of the line shows row r - offset of its neighbour, which stands ``reach`` rows inside.
    offset = torch.where(below, height - reach, reach - height)
    source = rows - offset[:, None]
    there = ((source >= 0) & (source < height) & on[:, None]).view(n, 1, height, 1)
    index = source.clamp(0, height - 1).view(n, 1, height, 1).expand_as(images)
    return torch.where(there, torch.minimum(images, other.gather(2, index)), images)
