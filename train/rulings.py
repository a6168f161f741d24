"""Ruled paper under lines that have none: dotted, dashed, with whole lines, or squared, as exercise books are.

Real lines in training are on plain or simply ruled paper; a reader that never saw dots along the baseline takes them
for full stops. What is drawn never covers ink, since it darkens the paper in proportion to its lightness.
"""

from __future__ import annotations

import torch
from torch import Tensor

from inkport.train.draw import Draw


LEVEL = (0.55, 0.85)
"""Where the first ruling lies at the left end, as a share of the height: about the baseline."""
SPACING = (0.55, 1.3)
"""Distance of rulings, as a share of the height: a crop of a line shows one or two."""
SQUARE = (0.2, 0.5)
"""The same for squared paper: a line of writing takes two to five of its squares."""
SLOPE = 0.01
"""Largest rise of a ruling per column; lines are cropped along their writing, which follows it nearly."""
THICKNESS_PX = (0.8, 2.0)
"""Width of a ruling."""
DARKNESS = (0.1, 0.5)
"""How much of the paper's lightness a ruling takes away."""
DOT_PX = (4.0, 10.0)
"""Distance of dots."""
DASH_PX = (8.0, 28.0)
"""Distance of dashes."""


def rule(images: Tensor, probability: float, draw: Draw) -> Tensor:
    """Draw rulings over a batch; of the lines that get some a quarter each has dots, dashes, whole lines and squares.

    Args:
        images: float32 (n, 1, h, w), 0 black .. 1 white.
        probability: Probability per line.
        draw: Random numbers.
    """
    height, width = images.shape[2:]
    rows = torch.arange(height, device=images.device).view(1, 1, -1, 1) + 0.5
    columns = torch.arange(width, device=images.device).view(1, 1, 1, -1) + 0.5
    on = _column(draw) < probability
    kind = (4 * _column(draw)).long()
    dotted, dashed, squared = kind == 0, kind == 1, kind == 2
    spacing = torch.where(squared, _within(draw, SQUARE), _within(draw, SPACING)) * height
    thickness, darkness = _within(draw, THICKNESS_PX), _within(draw, DARKNESS)
    slope = SLOPE * (2 * _column(draw) - 1)
    across = rows - _within(draw, LEVEL) * height - slope * columns
    lines = _stroke(across, spacing, thickness)
    period = torch.where(dotted, _within(draw, DOT_PX), _within(draw, DASH_PX))
    # Dots are as long as they are wide, dashes take half to three quarters of their distance.
    length = torch.where(dotted, thickness, period * (0.5 + 0.25 * _column(draw)))
    along = columns - _column(draw) * period + slope * rows
    lines = torch.where(dotted | dashed, lines * _stroke(along, period, length), lines)
    lines = torch.where(
        squared, torch.maximum(lines, _stroke(columns - _column(draw) * spacing, spacing, thickness)), lines
    )
    return images * (1 - lines * darkness * on)


def _stroke(position: Tensor, period: Tensor, width: Tensor) -> Tensor:
    """Return how much of each pixel is covered by strokes of a width that stand at multiples of a period."""
    distance = (position - period * torch.round(position / period)).abs()
    return (width / 2 + 0.5 - distance).clamp(0, 1)


def _column(draw: Draw) -> Tensor:
    return draw.uniform(draw.n, 1, 1, 1)


def _within(draw: Draw, limits: tuple[float, float]) -> Tensor:
    return limits[0] + (limits[1] - limits[0]) * _column(draw)
