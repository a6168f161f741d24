"""Augmentation of a whole batch on its device, in one pass.

Some lines are cropped otherwise first. Then one sampling grid does scale, slant, slope, shift, clipped ends,
perspective and elastic distortion; then neighbouring lines, stroke width, blur, faint ink, rulings, paper, contrast,
gamma, shade, noise and masked spans. Every random number comes from the generators handed in, so a step's augmentation
depends on the seed and the step alone. Widths are drawn on the host, which must know the shapes of what it asks for: it
never waits for the device to tell them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from inkport.train.crop import recrop
from inkport.train.device import send
from inkport.train.draw import Draw, Generators
from inkport.train.pencil import fade
from inkport.train.recipe import AugmentRecipe
from inkport.train.rulings import rule


CANVAS_MULTIPLE = 64
"""Canvas widths are multiples of this: each new shape costs the CPU kernels a compilation."""
WIDENED = 0.25
"""Share of the batches that are widened, where some are."""
CLIP_HEIGHT = 0.25
"""Most columns that an end loses, as a share of the height: half a letter and the margin beside it."""
CLIP_WIDTH = 0.1
"""The same as a share of the width, for short lines."""


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
    background: float = 1.0,
) -> Augmented:
    """Distort a batch.

    Args:
        images: float32 (n, 1, h, w), 0 black .. 1 white, padded right with the background.
        widths: int64 (n,) on the host, columns that belong to each line.
        least: int64 (n,) on the host, columns each line must keep so that CTC has a path.
        recipe: Strengths.
        generators: Of the images' device and of the host.
        multiple: The new widths are multiples of this.
        views: How many versions of each line to make. They share all geometry, so that their frames belong
            together, and differ in all else.
        background: Gray of the padding.
    """
    device = images.device
    if recipe.crop > 0:
        images, widths = recrop(images, widths, least, recipe.crop, generators, background=background)
    draw = Draw(len(images), generators.host, widths.device)
    stretch = _stretch(recipe, draw)
    cut = _cuts(widths, images.shape[2], recipe, draw)
    kept = widths - cut.sum(dim=0)
    scale = torch.maximum(1 + stretch, least / kept)
    content = (kept * scale).ceil().long()
    new_widths = -(-content // multiple) * multiple
    canvas = -(-int(new_widths.max()) // CANVAS_MULTIPLE) * CANVAS_MULTIPLE
    draw = Draw(len(images), generators.device, device)
    images = warp(
        images, send(widths, device), send(scale, device), recipe, draw, canvas=canvas, first=send(cut[0], device)
    )
    if recipe.cut > 0:
        beyond = torch.arange(canvas, device=device) >= send(content, device)[:, None]
        clipped = send(cut.sum(dim=0), device)[:, None] > 0
        images = torch.where((beyond & clipped)[:, None, None], background, images)
    if views > 1:
        draw = Draw(views * len(images), generators.device, device)
        images, new_widths = images.repeat(views, 1, 1, 1), new_widths.repeat(views)
    moved = images
    if recipe.neighbours > 0:
        images = add_neighbours(images, recipe.neighbours, draw)
    images = _stroke(images, recipe, draw)
    if recipe.faint > 0:
        images = fade(images, recipe.faint, draw)
    if recipe.ruling > 0:
        images = rule(images, recipe.ruling, draw)
    if recipe.paper > 0:
        images = age(images, recipe.paper, draw)
    images = _tone(images, recipe, draw)
    if recipe.mask > 0:
        images = _mask(images, send(new_widths, device), recipe, draw)
    return Augmented(images=images.clamp(0, 1), moved=moved, widths=new_widths)


def _stretch(recipe: AugmentRecipe, draw: Draw) -> Tensor:
    """Return the relative change of width per line, (n,).

    All lines of a batch are widened or none: a wide one among others would make a canvas that is mostly padding.
    """
    stretch = draw.symmetric(recipe.scale_x)
    if recipe.widen > 0 and bool(draw.uniform(1) < WIDENED):
        stretch = draw.uniform(draw.n) * recipe.widen
    return stretch


def _cuts(widths: Tensor, height: int, recipe: AugmentRecipe, draw: Draw) -> Tensor:
    """Return how many columns go at the left and the right end of each line, (2, n)."""
    if recipe.cut == 0:
        return torch.zeros(2, draw.n, dtype=widths.dtype)
    on = draw.uniform(2, draw.n) < recipe.cut
    return on * draw.uniform(2, draw.n) * torch.minimum(widths * CLIP_WIDTH, torch.tensor(CLIP_HEIGHT * height))


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


def warp(
    images: Tensor,
    widths: Tensor,
    scale: Tensor,
    recipe: AugmentRecipe,
    draw: Draw,
    *,
    canvas: int,
    first: Tensor | None = None,
) -> Tensor:
    """Scale, slant, tilt, shift, foreshorten and distort a batch.

    Args:
        images: float32 (n, 1, h, w).
        widths: int64 (n,), columns that belong to each line.
        scale: float32 (n,), how much wider each line gets.
        recipe: Strengths.
        draw: Random numbers.
        canvas: Columns of the result.
        first: (n,), the column that becomes the left edge of each line; 0 if left out.

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
    if first is not None:
        source_x = source_x + per_line(first)
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
