"""Augmentation of a whole batch on its device, in one pass.

One sampling grid does scale, slant, slope, shift, perspective and elastic distortion; then neighbouring lines, stroke
width, blur, paper, contrast, gamma, shade, noise and masked spans. Every random number comes from the generators handed
in, so a step's augmentation depends on the seed and the step alone. Widths are drawn on the host, which must know the
shapes of what it asks for: it never waits for the device to tell them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from inkport.train.draw import Draw, Generators
from inkport.train.recipe import AugmentRecipe
from inkport.train.surroundings import add_neighbours, age
from inkport.train.transfer import send
from inkport.train.warp import warp


CANVAS_MULTIPLE = 64
"""Canvas widths are multiples of this: each new shape costs the CPU kernels a compilation."""


@dataclass(frozen=True, kw_only=True)
class Augmented:
    """A distorted batch of ``views * n`` lines, all first views before all second ones."""

    images: Tensor
    """float32 (views * n, 1, h, w'), 0 black .. 1 white."""
    moved: Tensor
    """The same lines with their geometry alone: nothing covers, ages or colours them."""
    widths: Tensor
    """int64 (views * n,) on the host, columns that belong to each line."""


def augment(
    images: Tensor,
    widths: Tensor,
    least: Tensor,
    recipe: AugmentRecipe,
    generators: Generators,
    *,
    multiple: int,
    views: int = 1,
) -> Augmented:
    """Distort a batch.

    Args:
        images: float32 (n, 1, h, w), 0 black .. 1 white, padded right.
        widths: int64 (n,) on the host, columns that belong to each line.
        least: int64 (n,) on the host, columns each line must keep so that CTC has a path.
        recipe: Strengths.
        generators: Of the images' device and of the host.
        multiple: The new widths are multiples of this.
        views: How many versions of each line to make. They share all geometry, so that their frames belong
            together, and differ in all else.
    """
    device = images.device
    stretch = Draw(len(images), generators.host, widths.device).symmetric(recipe.scale_x)
    scale = torch.maximum(1 + stretch, least / widths)
    new_widths = (widths * scale).ceil().long()
    new_widths = -(-new_widths // multiple) * multiple
    canvas = -(-int(new_widths.max()) // CANVAS_MULTIPLE) * CANVAS_MULTIPLE
    draw = Draw(len(images), generators.device, device)
    images = warp(images, send(widths, device), send(scale, device), recipe, draw, canvas=canvas)
    if views > 1:
        draw = Draw(views * len(images), generators.device, device)
        images, new_widths = images.repeat(views, 1, 1, 1), new_widths.repeat(views)
    moved = images
    if recipe.neighbours > 0:
        images = add_neighbours(images, recipe.neighbours, draw)
    images = _stroke(images, recipe, draw)
    if recipe.paper > 0:
        images = age(images, recipe.paper, draw)
    images = _tone(images, recipe, draw)
    if recipe.mask > 0:
        images = _mask(images, send(new_widths, device), recipe, draw)
    return Augmented(images=images.clamp(0, 1), moved=moved, widths=new_widths)


def _stroke(images: Tensor, recipe: AugmentRecipe, draw: Draw) -> Tensor:
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


def _tone(images: Tensor, recipe: AugmentRecipe, draw: Draw) -> Tensor:
    gamma = draw.symmetric(recipe.gamma).exp().view(-1, 1, 1, 1)
    images = images.clamp(1e-4, 1).pow(gamma)
    contrast = (1 + draw.symmetric(recipe.contrast)).view(-1, 1, 1, 1)
    middle = images.mean(dim=(2, 3), keepdim=True)
    images = (images - middle) * contrast + middle
    ramp = torch.linspace(-1, 1, images.shape[3], device=images.device)
    images = images + draw.symmetric(recipe.shade).view(-1, 1, 1, 1) * ramp
    return images + draw.normal(*images.shape) * draw.strength(recipe.noise)


def _mask(images: Tensor, widths: Tensor, recipe: AugmentRecipe, draw: Draw) -> Tensor:
    """Cover spans of 8 to 32 columns with the line's mean gray."""
    columns = torch.arange(images.shape[3], device=images.device)
    on = draw.uniform(draw.n, 1) < recipe.mask
    covered = torch.zeros(draw.n, images.shape[3], dtype=torch.bool, device=images.device)
    for _ in range(recipe.spans):
        start = draw.uniform(draw.n, 1) * widths.view(-1, 1)
        length = 8 + 24 * draw.uniform(draw.n, 1)
        covered |= on & (columns >= start) & (columns < start + length)
    return torch.where(covered.view(draw.n, 1, 1, -1), images.mean(dim=(2, 3), keepdim=True), images)
