"""Lines cropped otherwise: as a finder of lines cuts them out of a page, not as the training lines were.

The margins of training lines are alike, about 8 % of the height above and below. A finder leaves more, less, or cuts
into the line, is off to one side and not quite level, and what it leaves shows the lines above and below. Read with
margins of 20 % instead of 8, pages had three points more errors.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from inkport.train.device import send
from inkport.train.draw import Draw, Generators


LEAST_MARGIN, MOST_MARGIN = -0.05, 0.25
"""What a crop leaves on each of its four sides beyond the training line's own, as a share of its height.

Sides are drawn one by one, so that the line is off the middle by up to 15 % of its height.
"""
TILT = 0.01
"""Largest slope between a line and its crop, half a degree: 15 % of the height over a line of 15 heights."""
NEIGHBOUR = 0.5
"""Probability, above and below, that there is another line: pages have wide gaps, a first and a last line."""


def recrop(
    images: Tensor, widths: Tensor, least: Tensor, probability: float, generators: Generators, *, background: float
) -> tuple[Tensor, Tensor]:
    """Crop some lines of a batch otherwise, and scale them to the same height again.

    What lies beyond an image is paper, by the median gray of the column, and above and below it is sometimes the ink of
    another line of the batch, which stands as if the two crops touched.

    Args:
        images: float32 (n, 1, h, w), 0 black .. 1 white, padded right with the background.
        widths: int64 (n,) on the host, columns that belong to each line.
        least: int64 (n,) on the host, columns each line must keep so that CTC has a path.
        probability: Probability per line.
        generators: Of the images' device and of the host.
        background: Gray of the padding.

    Returns:
        float32 (n, 1, h, w'), and the new widths, int64 (n,) on the host.
    """
    n, _, height, _ = images.shape
    host = Draw(n, generators.host, widths.device)
    on = host.uniform(n) < probability
    margins = (LEAST_MARGIN + (MOST_MARGIN - LEAST_MARGIN) * host.uniform(4, n)) * on
    top, bottom, left, right = margins
    size = 1 + top + bottom
    scale = torch.maximum(1 / size, (least / widths).clamp(max=1))
    side = height / size
    new_widths = torch.maximum(widths * scale + (left + right) * side, least.to(scale.dtype)).ceil().long()
    device = images.device
    draw = Draw(n, generators.device, device)

    def per_line(values: Tensor) -> Tensor:
        return send(values, device).view(n, 1, 1)

    x = (torch.arange(int(new_widths.max()), device=device) + 0.5).view(1, 1, -1)
    y = (torch.arange(height, device=device) + 0.5 - height / 2).view(1, -1, 1)
    slope = draw.symmetric(TILT).view(n, 1, 1) * per_line(on)
    source_x = (x - per_line(left * side)) / per_line(scale)
    source_y = y * per_line(size) + per_line((bottom - top) / 2) * height + slope * (x - per_line(new_widths) / 2)
    width = per_line(widths)
    inside = (source_x >= 0) & (source_x < width)
    strip, paper = _strip(images, draw)
    clamped = torch.minimum(source_x.clamp(min=0.5), width - 0.5).expand_as(source_y)
    cut = _sample(strip, clamped, source_y)
    empty = _sample(paper, clamped, source_y)
    cut = torch.where(inside.unsqueeze(1), cut, empty)
    beyond = (x >= per_line(new_widths)).unsqueeze(1)
    return torch.where(beyond, torch.full_like(cut, background), cut), new_widths


def _strip(images: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
    """Return each line between two others of the batch, or between paper, (n, 1, 3 h, w), and its paper alone."""
    n = len(images)
    paper = images.median(dim=2, keepdim=True).values
    ink = images - paper
    parts = []
    for step in (1, -1):
        there = (draw.uniform(n, 1, 1, 1) < NEIGHBOUR) & (n > 1)
        parts.append((paper + ink.roll(step, dims=0) * there).clamp(0, 1))
    above, below = parts
    return torch.cat((above, images, below), dim=2), paper


def _sample(images: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Take pixels at places in pixels, x from the left and y from the middle, for all of (n, rows, columns)."""
    grid = torch.stack((2 * x / images.shape[3] - 1, 2 * y / images.shape[2]), dim=-1)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
