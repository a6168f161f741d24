"""Augmentation of a whole batch on its device, in one pass.

One sampling grid does scale, slant, slope, shift and elastic distortion; then stroke width, blur, contrast,
gamma, shade, noise and masked spans. Every random number comes from the generator handed in, so a step's
augmentation depends on the seed and the step alone.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from inkport.train.recipe import AugmentRecipe


CANVAS_MULTIPLE = 64
"""Canvas widths are multiples of this: each new shape costs the CPU kernels a compilation."""


def augment(
    images: Tensor, widths: Tensor, least: Tensor, recipe: AugmentRecipe, generator: Generator, *, multiple: int
) -> tuple[Tensor, Tensor]:
    """Distort a batch.

    Args:
        images: float32 (n, 1, h, w), 0 black .. 1 white, padded right.
        widths: int64 (n,), columns that belong to each line.
        least: int64 (n,), columns each line must keep so that CTC has a path.
        recipe: Strengths.
        generator: On the images' device.
        multiple: The new widths are multiples of this.

    Returns:
        The distorted batch, float32 (n, 1, h, w'), and its widths, int64 (n,).
    """
    draw = _Draw(len(images), generator, images.device)
    scale = torch.maximum(1 + draw.symmetric(recipe.scale_x), least / widths)
    new_widths = (widths * scale).ceil().long()
    new_widths = -(-new_widths // multiple) * multiple
    canvas = -(-int(new_widths.max()) // CANVAS_MULTIPLE) * CANVAS_MULTIPLE
    images = _warp(images, scale, canvas, recipe, draw)
    images = _stroke(images, recipe, draw)
    images = _tone(images, recipe, draw)
    if recipe.mask > 0:
        images = _mask(images, new_widths, recipe, draw)
    return images.clamp(0, 1), new_widths


class _Draw:
    """Random numbers per line, shaped to broadcast over (n, 1, h, w)."""

    def __init__(self, n: int, generator: Generator, device: torch.device) -> None:
        self.n, self.generator, self.device = n, generator, device

    def uniform(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.generator, device=self.device)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator, device=self.device)

    def symmetric(self, limit: float) -> Tensor:
        """(n,), uniform in -limit .. limit."""
        return (2 * self.uniform(self.n) - 1) * limit

    def strength(self, limit: float, probability: float = 0.5) -> Tensor:
        """(n, 1, 1, 1): uniform in 0 .. limit with the given probability, else 0."""
        on = self.uniform(self.n) < probability
        return (self.uniform(self.n) * on * limit).view(-1, 1, 1, 1)


def _warp(images: Tensor, scale: Tensor, width: int, recipe: AugmentRecipe, draw: _Draw) -> Tensor:
    n, _, height, source_width = images.shape
    rows = torch.arange(height, device=images.device) + 0.5
    columns = torch.arange(width, device=images.device) + 0.5
    y = rows.view(1, -1, 1) - height / 2
    x = columns.view(1, 1, -1)

    def per_line(values: Tensor) -> Tensor:
        return values.view(n, 1, 1)

    source_x = x / per_line(scale) + per_line(draw.symmetric(recipe.shear)) * y
    slope = per_line(draw.symmetric(recipe.rotate)) * (x - width / 2)
    source_y = (
        y * per_line(1 + draw.symmetric(recipe.scale_y)) + slope + per_line(draw.symmetric(recipe.shift)) * height
    )
    if recipe.elastic > 0:
        # One node per 12 rows and 16 columns: distortions about as large as a letter.
        field = draw.normal(n, 2, max(2, height // 12), max(2, width // 16)) * recipe.elastic
        field = F.interpolate(field, size=(height, width), mode="bilinear", align_corners=False)
        source_x, source_y = source_x + field[:, 0], source_y + field[:, 1]
    grid = torch.stack((2 * source_x / source_width - 1, (2 * source_y / height).expand(n, height, width)), dim=-1)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _stroke(images: Tensor, recipe: AugmentRecipe, draw: _Draw) -> Tensor:
    sign = torch.where(draw.uniform(draw.n) < 0.5, 1.0, -1.0).view(-1, 1, 1, 1)
    changed = sign * _widest(sign * images)
    images = torch.lerp(images, changed, draw.strength(recipe.stroke, 0.4))
    blurred = F.avg_pool2d(images, 3, stride=1, padding=1, count_include_pad=False)
    return torch.lerp(images, blurred, draw.strength(recipe.blur, 0.3))


def _widest(images: Tensor) -> Tensor:
    """Return the maximum over each 2 x 2 window (a max pool with stride 1, several times faster on a CPU)."""
    padded = F.pad(images, (0, 1, 0, 1), mode="replicate")
    rows = torch.maximum(padded[:, :, 1:], padded[:, :, :-1])
    return torch.maximum(rows[..., 1:], rows[..., :-1])


def _tone(images: Tensor, recipe: AugmentRecipe, draw: _Draw) -> Tensor:
    gamma = draw.symmetric(recipe.gamma).exp().view(-1, 1, 1, 1)
    images = images.clamp(1e-4, 1).pow(gamma)
    contrast = (1 + draw.symmetric(recipe.contrast)).view(-1, 1, 1, 1)
    middle = images.mean(dim=(2, 3), keepdim=True)
    images = (images - middle) * contrast + middle
    ramp = torch.linspace(-1, 1, images.shape[3], device=images.device)
    images = images + draw.symmetric(recipe.shade).view(-1, 1, 1, 1) * ramp
    return images + draw.normal(*images.shape) * draw.strength(recipe.noise)


def _mask(images: Tensor, widths: Tensor, recipe: AugmentRecipe, draw: _Draw) -> Tensor:
    """Cover up to three spans of 8 to 32 columns with the line's mean gray."""
    columns = torch.arange(images.shape[3], device=images.device)
    on = draw.uniform(draw.n, 1) < recipe.mask
    covered = torch.zeros(draw.n, images.shape[3], dtype=torch.bool, device=images.device)
    for _ in range(3):
        start = draw.uniform(draw.n, 1) * widths.view(-1, 1)
        length = 8 + 24 * draw.uniform(draw.n, 1)
        covered |= on & (columns >= start) & (columns < start + length)
    return torch.where(covered.view(draw.n, 1, 1, -1), images.mean(dim=(2, 3), keepdim=True), images)
