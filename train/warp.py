"""Geometry of the augmentation: one sampling grid for all of it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from inkport.train.draw import Draw
from inkport.train.recipe import AugmentRecipe


def warp(images: Tensor, widths: Tensor, scale: Tensor, recipe: AugmentRecipe, draw: Draw, *, canvas: int) -> Tensor:
    """Scale, slant, tilt, shift, foreshorten and distort a batch.

    Args:
        images: float32 (n, 1, h, w).
        widths: int64 (n,), columns that belong to each line.
        scale: float32 (n,), how much wider each line gets.
        recipe: Strengths.
        draw: Random numbers.
        canvas: Columns of the result.

    Returns:
        float32 (n, 1, h, canvas); what lies outside an image continues its border.
    """
    n, _, height, source_width = images.shape
    rows = torch.arange(height, device=images.device) + 0.5
    columns = torch.arange(canvas, device=images.device) + 0.5
    y = rows.view(1, -1, 1) - height / 2
    x = columns.view(1, 1, -1)

    def per_line(values: Tensor) -> Tensor:
        return values.view(n, 1, 1)

    source_x = x / per_line(scale) + per_line(draw.symmetric(recipe.shear)) * y
    slope = per_line(draw.symmetric(recipe.rotate)) * (x - canvas / 2)
    source_y = (
        y * per_line(1 + draw.symmetric(recipe.scale_y)) + slope + per_line(draw.symmetric(recipe.shift)) * height
    )
    if recipe.elastic > 0:
        # One node per 12 rows and 16 columns: distortions about as large as a letter.
        field = draw.normal(n, 2, max(2, height // 12), max(2, canvas // 16)) * recipe.elastic
        field = F.interpolate(field, size=(height, canvas), mode="bilinear", align_corners=False)
        source_x, source_y = source_x + field[:, 0], source_y + field[:, 1]
    if recipe.perspective > 0:
        strength = per_line(draw.symmetric(recipe.perspective))
        source_x, source_y = _foreshorten(source_x, source_y, per_line(widths), 2 * strength)
    grid = torch.stack((2 * source_x / source_width - 1, (2 * source_y / height).expand(n, height, canvas)), dim=-1)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _foreshorten(x: Tensor, y: Tensor, width: Tensor, strength: Tensor) -> tuple[Tensor, Tensor]:
    """Look at lines from one end: a homography that keeps both ends and the middle of the height where they are.

    With t from -1/2 to 1/2 along the line, the size at t is 1 / (1 + strength * t).
    """
    along = x / width - 0.5
    inside = along.clamp(-0.5, 0.5)
    depth = 1 + strength * inside
    moved = (inside + strength / 4) / depth
    return (moved + 0.5 + along - inside) * width, y / depth
