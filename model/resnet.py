"""The residual CNN that HTR-VT and HTR-ConvText share: 64 rows become one, four columns become one frame."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from inkport.core.errors import RecipeError
from inkport.model.blocks import BasicBlock, ConvNorm


HEIGHT = 64
"""The only height that the strides reduce to exactly one row."""
STRIDE = 4
"""Input columns per frame."""


def check_height(height: int) -> None:
    """Refuse any height but ``HEIGHT``.

    Raises:
        RecipeError: If the height differs.
    """
    if height != HEIGHT:
        raise RecipeError(f"height {height}: this network's strides fit height {HEIGHT} only")


def residual_stage(inputs: int, outputs: int, blocks: int, *, stride: tuple[int, int] = (1, 1)) -> nn.Sequential:
    """Return ``blocks`` basic blocks, the first of which changes channels and size."""
    first = BasicBlock(inputs, outputs, stride=stride)
    return nn.Sequential(first, *(BasicBlock(outputs, outputs) for _ in range(blocks - 1)))


class Backbone(nn.Module):
    """ResNet-18 without its last stage, with strides (height, width) for lines of text.

    Args:
        channels: Channels of the three stages.
        refine: A module after each stage that keeps the shape; none by default.
    """

    def __init__(self, channels: tuple[int, ...], *, refine: Sequence[nn.Module] = ()) -> None:
        super().__init__()
        first, second, third = channels
        self.stem = ConvNorm(1, first, stride=(2, 1))
        self.pool = nn.MaxPool2d(3, (2, 1), 1)
        self.stages = nn.ModuleList(
            (
                residual_stage(first, first, 2, stride=(2, 1)),
                residual_stage(first, second, 2, stride=(2, 2)),
                residual_stage(second, third, 2, stride=(2, 2)),
            )
        )
        self.refine = nn.ModuleList(refine or (nn.Identity() for _ in channels))

    def forward(self, images: Tensor) -> Tensor:
        """Map images (n, 1, 64, w), w a multiple of 4, to frames (n, w / 4, channels[2])."""
        x = self.pool(self.stem(images))
        for stage, refine in zip(self.stages, self.refine, strict=True):
            x = refine(stage(x))
        return self.pool(x).flatten(2).transpose(1, 2)


class SpanMask(nn.Module):
    """Replaces spans of frames by a learned token, in training only (HTR-VT's span masking).

    Spans start anywhere, independently for each line, and may overlap: ratio 0.4 with span 8 masks six spans of
    128 frames, about 32 % of them.

    Args:
        dim: Width of a frame.
        ratio: Share of the frames that the spans would cover if none overlapped, 0..1.
        span: Frames per span.
    """

    def __init__(self, dim: int, ratio: float, span: int) -> None:
        super().__init__()
        self.ratio, self.span = ratio, span
        self.token = nn.Parameter(torch.empty(dim))
        nn.init.normal_(self.token, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, t, d) to the same shape."""
        if not self.training:
            return x
        n, frames = x.shape[:2]
        count, span = int(round(self.ratio * frames) / self.span), min(self.span, frames)
        starts = torch.randint(0, frames - span + 1, (n, count, 1), device=x.device)
        offset = torch.arange(frames, device=x.device) - starts
        masked = ((offset >= 0) & (offset < span)).any(dim=1)
        return torch.where(masked[..., None], self.token.to(x.dtype), x)


def check_mask(ratio: float, span: int) -> None:
    """Refuse a span mask that cannot be drawn.

    Raises:
        RecipeError: If the ratio is not within 0..1 or the span is below 1.
    """
    if not 0 <= ratio <= 1 or span < 1:
        raise RecipeError(f"mask_ratio must be within 0..1 and mask_span at least 1, found {ratio} and {span}")
