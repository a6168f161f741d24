"""HTR-VT (Li et al., Pattern Recognition 2025), re-implemented from its description: CNN, four ViT blocks, CTC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from inkport.core.errors import RecipeError
from inkport.core.preprocess import PreprocessSpec
from inkport.model.blocks import TransformerBlock
from inkport.model.recogniser import NetworkConfig, Recogniser, TrainOutput
from inkport.model.resnet import HEIGHT, STRIDE, Backbone, SpanMask, check_height, check_mask


@dataclass(frozen=True, kw_only=True)
class HtrVtConfig(NetworkConfig):
    """Sizes; the defaults are the published network.

    Raises:
        RecipeError: If the sizes do not fit each other.
    """

    height: int = HEIGHT
    """Height of the input in pixels; 64 is the only one that fits."""
    dim: int = 768
    """Width of the transformer; the CNN's stages have a quarter, half and all of it."""
    heads: int = 6
    """Attention heads."""
    depth: int = 4
    """Transformer blocks."""
    frames: int = 128
    """Rows of the position table: the longest line that can be read, in frames of 4 columns."""
    mask_ratio: float = 0.4
    """Share of the frames for span masks in training; 0 for none."""
    mask_span: int = 8
    """Frames per masked span."""

    width_multiple: ClassVar[int] = STRIDE

    def __post_init__(self) -> None:
        check_height(self.height)
        check_mask(self.mask_ratio, self.mask_span)
        if min(self.classes, self.dim, self.heads, self.depth, self.frames) < 1:
            raise RecipeError(f"every size must be at least 1: {self}")
        if self.dim % 4 or self.dim % self.heads:
            raise RecipeError(f"dim {self.dim} must be a multiple of 4 and of heads {self.heads}")

    def check_input(self, preprocess: PreprocessSpec) -> None:
        """Refuse preprocessing that makes images which the network cannot read.

        Raises:
            RecipeError: If height or widths do not fit, or lines may be longer than the position table.
        """
        super().check_input(preprocess)
        if preprocess.max_width > STRIDE * self.frames:
            raise RecipeError(
                f"{self.frames} frames of positions reach a width of {STRIDE * self.frames}, "
                f"max_width is {preprocess.max_width}",
                remedy=f"set max_width to {STRIDE * self.frames}, or frames to {preprocess.max_width // STRIDE}",
            )


class HtrVt(Recogniser):
    """The network; widths are multiples of 4 up to 4 * ``config.frames``.

    Images and logits are normalised over the whole line, its padding included, so a line's logits depend on how
    far it was padded.
    """

    def __init__(self, config: HtrVtConfig) -> None:
        super().__init__()
        self.config: HtrVtConfig = config
        self.backbone = Backbone((config.dim // 4, config.dim // 2, config.dim))
        self.mask = SpanMask(config.dim, config.mask_ratio, config.mask_span) if config.mask_ratio else nn.Identity()
        self.positions = nn.Parameter(sinusoid_positions(config.frames, config.dim), requires_grad=False)
        self.encoder = nn.Sequential(*(TransformerBlock(config.dim, config.heads) for _ in range(config.depth)))
        self.norm = nn.LayerNorm(config.dim)
        self.head = nn.Linear(config.dim, config.classes)

    def encode(self, images: Tensor) -> Tensor:
        """Map images (n, 1, 64, w) to what the head reads, (n, w / 4, dim)."""
        x = self.mask(self.backbone(standardise(images, (1, 2, 3))))
        return self.norm(self.encoder(x + self.positions[: x.shape[1]]))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits float32 (n, w / 4, classes) for images float32 (n, 1, 64, w)."""
        return standardise(self.head(self.encode(images)), (1, 2))

    def forward_train(self, images: Tensor) -> TrainOutput:
        """Return the logits; the network has no auxiliary head."""
        encoded = self.encode(images)
        return TrainOutput(logits=standardise(self.head(encoded), (1, 2)), context=encoded)


def sinusoid_positions(frames: int, dim: int) -> Tensor:
    """Return the fixed 2-D sine-cosine positions of a grid of one row and ``frames`` columns.

    A row depends on its index alone, so a longer table starts with the rows of a shorter one.

    Returns:
        float32 (frames, dim): sines and cosines of the column in the first half, of the row (always 0) in
        the second.

    Source:
        Vaswani et al. 2017, with half of the channels per axis.
    """
    rates = 10000.0 ** -(torch.arange(dim // 4, dtype=torch.float64) / (dim // 4))
    angles = torch.arange(frames, dtype=torch.float64)[:, None] * rates
    row = torch.zeros_like(angles)
    return torch.cat([angles.sin(), angles.cos(), row.sin(), row.cos()], dim=1).float()


def standardise(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Shift and scale to mean 0 and variance 1 over ``axes`` together: a layer norm without parameters."""
    centred = x - x.mean(dim=axes, keepdim=True)
    return centred * torch.rsqrt(centred.square().mean(dim=axes, keepdim=True) + 1e-5)
