"""HTR-ConvText as published (arXiv 2512.05021), re-implemented from its description.

Where the paper's figures and the released code disagree, an option of ``HtrConvTextConfig`` selects; the
defaults are the released code's. ``docs/networks.md`` lists the differences and the export limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inkport.core.errors import RecipeError
from inkport.model.blocks import ConvNorm, Downsample, FeedForward, SelfAttention, TransformerBlock, Upsample
from inkport.model.recogniser import NetworkConfig, Recogniser, TrainOutput
from inkport.model.resnet import HEIGHT, Backbone, SpanMask, check_height, check_mask


PATCH = 2
"""Rows and columns of a patch."""


class MobileViT(nn.Module):
    """Convolution, attention among pixels that share a place in their 2x2 patch, convolution.

    Args:
        channels: Channels in and out.
        heads: Attention heads.
        height: Rows of the map, even; fixed, so that the width is the only size that varies.
        fusion: Whether to join input and output by a 3x3 convolution, as the paper's figure draws it. The
            released code leaves this out, and with it any way around the block.

    Source:
        Mehta and Rastegari 2022 (MobileViT), Chu et al. 2021 (conditional position encoding).
    """

    def __init__(self, channels: int, heads: int, height: int, *, fusion: bool) -> None:
        super().__init__()
        self.channels, self.rows = channels, height // PATCH
        self.local = nn.Sequential(ConvNorm(channels, channels), nn.Conv2d(channels, channels, 1, bias=False))
        self.transformer = TransformerBlock(channels, heads)
        self.position = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.project = ConvNorm(channels, channels, kernel=1)
        self.fusion = ConvNorm(2 * channels, channels) if fusion else None

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, c, h, w), w even, to the same shape."""
        patches = unfold(self.local(x))
        tokens = self.transformer(patches.flatten(2).transpose(1, 2))
        patches = self._as_map(tokens, patches)
        patches = patches + self.position(patches)
        tokens = self.norm(patches.flatten(2).transpose(1, 2))
        y = self.project(fold(self._as_map(tokens, patches), x.shape[0], self.channels, self.rows))
        return y if self.fusion is None else self.fusion(torch.cat([x, y], dim=1))

    def _as_map(self, tokens: Tensor, like: Tensor) -> Tensor:
        return tokens.transpose(1, 2).reshape(like.shape[0], self.channels, self.rows, -1)


def unfold(x: Tensor) -> Tensor:
    """Map (n, c, h, w) to (4 n, c, h / 2, w / 2): the four places of a patch one after the other."""
    places = [x[:, :, row::PATCH, column::PATCH] for row in range(PATCH) for column in range(PATCH)]
    return torch.cat(places, dim=0)


def fold(patches: Tensor, n: int, channels: int, rows: int) -> Tensor:
    """Undo ``unfold``, never with more than four dimensions.

    Args:
        patches: (4 n, c, h / 2, w / 2).
        n: Lines.
        channels: c.
        rows: h / 2.
    """
    places = patches.reshape(PATCH * PATCH, n, -1)
    top_left, top_right, bottom_left, bottom_right = (
        places[place].reshape(n, channels * rows, -1, 1) for place in range(PATCH * PATCH)
    )
    upper = torch.cat([top_left, top_right], dim=3).reshape(n, channels, rows, -1)
    lower = torch.cat([bottom_left, bottom_right], dim=3).reshape(n, channels, rows, -1)
    # Row by row the upper and the lower line side by side: read on, they are two rows of the map.
    return torch.cat([upper, lower], dim=3).reshape(n, channels, PATCH * rows, -1)


class ContextTap(StrEnum):
    """Where the Textual Context Module reads the network."""

    ENCODER = "encoder"
    """What the CTC head reads, as in the released code."""
    FEATURES = "features"
    """The output of the CNN, as the paper's figure draws it."""


@dataclass(frozen=True, kw_only=True)
class HtrConvTextConfig(NetworkConfig):
    """Sizes and options; the defaults are the published network.

    Raises:
        RecipeError: If the sizes do not fit each other.
    """

    height: int = HEIGHT
    """Height of the input in pixels; 64 is the only one that fits."""
    dim: int = 512
    """Width of the encoder; the CNN's stages have a quarter, half and all of it."""
    head_dim: int = 64
    """Width of an attention head, in the CNN and in the encoder."""
    depths: tuple[int, ...] = (3, 4, 1)
    """ConvText blocks before, within and after the part at half the frame rate."""
    kernel: int = 7
    """Taps of the depthwise convolution over time."""
    positions: int = 128
    """Distances, in frames, that have a position bias of their own; longer ones share the last."""
    dropout: float = 0.1
    """Dropout of attention weights and of every branch."""
    drop_path: float = 0.1
    """Probability that the last block's branches are left out in training; it rises linearly from 0."""
    layer_scale: float = 1e-5
    """Start value of the scale of every branch."""
    fusion: bool = False
    """Whether MobileViT blocks join input and output: off in the code, on in the paper's figure."""
    context_tap: ContextTap = ContextTap.ENCODER
    """Where the Textual Context Module reads: the encoder in the code, the CNN in the paper's figure."""
    mask_ratio: float = 0.0
    """Share of the frames for span masks: 0 (absent) in the newest code, 0.4 in the first release's flags."""
    mask_span: int = 8
    """Frames per masked span."""

    def __post_init__(self) -> None:
        check_height(self.height)
        check_mask(self.mask_ratio, self.mask_span)
        if min(self.classes, self.dim, self.head_dim, self.positions) < 1:
            raise RecipeError(f"every size must be at least 1: {self}")
        if len(self.depths) != 3 or min(self.depths) < 0 or self.kernel % 2 != 1:
            raise RecipeError(f"depths must be three counts and kernel odd: {self}")
        if self.dim % (4 * self.head_dim):
            raise RecipeError(f"dim {self.dim} must be a multiple of 4 * head_dim, {4 * self.head_dim}")
        if not 0 <= self.dropout < 1 or not 0 <= self.drop_path < 1:
            raise RecipeError(f"dropout and drop_path must be within 0..1: {self}")

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of the CNN's stages."""
        return (self.dim // 4, self.dim // 2, self.dim)


class RelativeAttention(SelfAttention):
    """Self-attention with a learned bias per head and distance, distances clamped at both ends."""

    def __init__(self, config: HtrConvTextConfig) -> None:
        super().__init__(config.dim, config.dim // config.head_dim)
        self.reach = config.positions - 1
        self.bias = nn.Parameter(torch.zeros(2 * self.reach + 1, self.heads))
        self.dropout = nn.Dropout(config.dropout)

    def attend(self, scores: Tensor) -> Tensor:
        """Turn scores (n, heads, t, t) into weights that sum to 1 over the last axis, before dropout."""
        frames = torch.arange(scores.shape[-1], device=scores.device)
        distance = (frames[None] - frames[:, None]).clamp(-self.reach, self.reach) + self.reach
        return self.dropout(torch.softmax(scores + F.embedding(distance, self.bias).permute(2, 0, 1), dim=-1))


class PublishedConvModule(nn.Module):
    """Pointwise, SiLU, depthwise over time, one-group norm over channels and time, SiLU, pointwise.

    The norm sees the whole line with its padding: a line's logits depend on how far it was padded.
    """

    def __init__(self, dim: int, kernel: int) -> None:
        super().__init__()
        self.inner = nn.Linear(dim, dim)
        self.depthwise = nn.Conv1d(dim, dim, kernel, padding=kernel // 2, groups=dim)
        self.norm = nn.GroupNorm(1, dim)
        self.out = nn.Linear(dim, dim)
        self.silu = nn.SiLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, t, d) to (n, t, d)."""
        x = self.silu(self.inner(x)).transpose(1, 2)
        return self.out(self.silu(self.norm(self.depthwise(x))).transpose(1, 2))


class Branch(nn.Module):
    """One residual branch, normalised after the sum: norm(x + scale * weight * f(x))."""

    def __init__(self, inner: nn.Module, config: HtrConvTextConfig, drop_path: float, *, weight: float = 1.0) -> None:
        super().__init__()
        self.inner, self.weight, self.drop_path = inner, weight, drop_path
        self.dropout = nn.Dropout(config.dropout)
        self.scale = nn.Parameter(torch.full((config.dim,), config.layer_scale))
        self.norm = nn.LayerNorm(config.dim, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, t, d) to (n, t, d)."""
        y = self.dropout(self.inner(x)) * (self.scale * self.weight)
        if self.training and self.drop_path > 0:
            keep = 1 - self.drop_path
            y = y * (torch.rand(x.shape[0], 1, 1, device=x.device) < keep).to(y.dtype) / keep
        return self.norm(x + y)


def published_block(config: HtrConvTextConfig, drop_path: float) -> nn.Sequential:
    """Return attention, half feed-forward, convolution module, half feed-forward, each post-norm."""

    def feed() -> nn.Module:
        return FeedForward(config.dim, 4 * config.dim, activation=nn.SiLU)

    return nn.Sequential(
        Branch(RelativeAttention(config), config, drop_path),
        Branch(feed(), config, drop_path, weight=0.5),
        Branch(PublishedConvModule(config.dim, config.kernel), config, drop_path),
        Branch(feed(), config, drop_path, weight=0.5),
    )


class HtrConvText(Recogniser):
    """The published network; widths are multiples of 8."""

    def __init__(self, config: HtrConvTextConfig) -> None:
        super().__init__()
        self.config: HtrConvTextConfig = config
        rows = (8, 4, 2)
        self.backbone = Backbone(
            config.channels,
            refine=[
                MobileViT(channels, channels // config.head_dim, height, fusion=config.fusion)
                for channels, height in zip(config.channels, rows, strict=True)
            ],
        )
        self.mask = SpanMask(config.dim, config.mask_ratio, config.mask_span) if config.mask_ratio else nn.Identity()
        total = sum(config.depths)
        blocks = iter([published_block(config, config.drop_path * i / max(1, total - 1)) for i in range(total)])
        self.before, self.within, self.after = (
            nn.Sequential(*(next(blocks) for _ in range(depth))) for depth in config.depths
        )
        self.down, self.up = Downsample(config.dim, config.dim), Upsample(config.dim, config.dim)
        self.norm = nn.LayerNorm(config.dim, eps=1e-6)
        self.head = nn.Linear(config.dim, config.classes)
        for part in (self.before, self.within, self.after, self.down, self.up, self.head):
            part.apply(_start_linear)

    def encode(self, features: Tensor) -> Tensor:
        """Map CNN features (n, t, dim), t even, to what the head reads, of the same shape."""
        x = self.before(features)
        return self.norm(self.after(x + self.up(self.within(self.down(x)))))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits float32 (n, w / 4, classes) for images float32 (n, 1, 64, w), w a multiple of 8."""
        return self.head(self.encode(self.mask(self.backbone(images))))

    def forward_train(self, images: Tensor) -> TrainOutput:
        """Return the logits and what the Textual Context Module reads."""
        features = self.backbone(images)
        encoded = self.encode(self.mask(features))
        at_encoder = self.config.context_tap is ContextTap.ENCODER
        return TrainOutput(logits=self.head(encoded), context=encoded if at_encoder else features)


def _start_linear(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
