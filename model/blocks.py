"""Building blocks of the convtext family, written for the strictest converter.

Rules that hold everywhere (each broken rule has broken a converter): tensors have at most four dimensions,
a reshape has at most one unknown size, no Python arithmetic on sizes that vary, no normalisation over time
(it would see the padding), no interpolation operator.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


class ConvNorm(nn.Sequential):
    """3x3 (or other) convolution without bias, batch norm, and optionally ReLU."""

    def __init__(
        self, inputs: int, outputs: int, *, kernel: int = 3, stride: tuple[int, int] = (1, 1), relu: bool = True
    ) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        super().__init__(*layers, *([nn.ReLU()] if relu else []))


class BasicBlock(nn.Module):
    """Residual block of two 3x3 convolutions (He et al. 2016, the basic block of ResNet-18).

    ``inner`` channels lie between the two, ``outputs`` if left out.
    """

    def __init__(
        self, inputs: int, outputs: int, *, stride: tuple[int, int] = (1, 1), inner: int | None = None
    ) -> None:
        super().__init__()
        inner = outputs if inner is None else inner
        self.body = nn.Sequential(ConvNorm(inputs, inner, stride=stride), ConvNorm(inner, outputs, relu=False))
        plain = inputs == outputs and stride == (1, 1)
        self.shortcut = nn.Identity() if plain else ConvNorm(inputs, outputs, kernel=1, stride=stride, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, c, h, w) to (n, outputs, h / stride, w / stride)."""
        return torch.relu(self.body(x) + self.shortcut(x))


class SelfAttention(nn.Module):
    """Multi-head self-attention with explicit products.

    Explicit because the backward pass of fused attention is slow on CPUs and because every converter knows
    MatMul and Softmax. Positions come from the convolutions around it. A head is ``head_dim`` wide,
    ``dim / heads`` if left out.
    """

    def __init__(self, dim: int, heads: int, head_dim: int | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.head_dim = dim // heads if head_dim is None else head_dim
        inner = self.heads * self.head_dim
        self.query = nn.Linear(dim, inner)
        self.key = nn.Linear(dim, inner)
        self.value = nn.Linear(dim, inner)
        self.out = nn.Linear(inner, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, t, d) to (n, t, d)."""
        n = x.shape[0]
        query = self.query(x * self.head_dim**-0.5).reshape(n, -1, self.heads, self.head_dim).transpose(1, 2)
        key = self.key(x).reshape(n, -1, self.heads, self.head_dim).permute(0, 2, 3, 1)
        value = self.value(x).reshape(n, -1, self.heads, self.head_dim).transpose(1, 2)
        weights = self.attend(torch.matmul(query, key))
        mixed = torch.matmul(weights, value).transpose(1, 2)
        return self.out(mixed.reshape(n, -1, self.heads * self.head_dim))

    def attend(self, scores: Tensor) -> Tensor:
        """Turn scores (n, heads, t, t) into weights that sum to 1 over the last axis."""
        return torch.softmax(scores, dim=-1)


class FeedForward(nn.Sequential):
    """Linear, activation (ReLU unless said otherwise), linear."""

    def __init__(self, dim: int, hidden: int, *, activation: type[nn.Module] = nn.ReLU) -> None:
        super().__init__(nn.Linear(dim, hidden), activation(), nn.Linear(hidden, dim))


class ConvModule(nn.Module):
    """Pointwise, ReLU, depthwise over time with batch norm, ReLU, pointwise.

    HTR-ConvText normalises here over channels and time together, which sees the padding; batch norm has
    fixed statistics when it runs, so a line's text cannot depend on how far it was padded. ``width`` channels
    lie between the pointwise layers, ``dim`` if left out.
    """

    def __init__(self, dim: int, kernel: int, width: int | None = None) -> None:
        super().__init__()
        width = dim if width is None else width
        self.inner = nn.Linear(dim, width)
        self.depthwise = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width, bias=False)
        self.norm = nn.BatchNorm1d(width)
        self.out = nn.Linear(width, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, t, d) to (n, t, d)."""
        x = torch.relu(self.inner(x)).transpose(1, 2)
        x = torch.relu(self.norm(self.depthwise(x)))
        return self.out(x.transpose(1, 2))


@dataclass(frozen=True, kw_only=True)
class BlockSizes:
    """Inner widths of one ConvText block."""

    heads: int
    """Attention heads."""
    head_dim: int
    """Width of a head."""
    feed_in: int
    """Hidden width of the feed-forward half before the convolution module."""
    conv: int
    """Channels of the depthwise convolution."""
    feed_out: int
    """Hidden width of the feed-forward half after it."""


class ConvTextBlock(nn.Module):
    """Attention, half feed-forward, convolution module, half feed-forward, each residual and pre-norm.

    The order is HTR-ConvText's (arXiv 2512.05021); the paper normalises after each sum, which warms up too
    slowly for short schedules.
    """

    def __init__(self, dim: int, kernel: int, dropout: float, sizes: BlockSizes) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(4))
        self.attention = SelfAttention(dim, sizes.heads, sizes.head_dim)
        self.feed_in = FeedForward(dim, sizes.feed_in)
        self.conv = ConvModule(dim, kernel, sizes.conv)
        self.feed_out = FeedForward(dim, sizes.feed_out)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, t, d) to (n, t, d)."""
        x = x + self.dropout(self.attention(self.norms[0](x)))
        x = x + 0.5 * self.dropout(self.feed_in(self.norms[1](x)))
        x = x + self.dropout(self.conv(self.norms[2](x)))
        return x + 0.5 * self.dropout(self.feed_out(self.norms[3](x)))


class Downsample(nn.Module):
    """Halve the frames: depthwise 3-tap filter, started as a box low-pass, stride 2, then a linear layer.

    ``outputs`` wide afterwards, ``dim`` if left out.
    """

    def __init__(self, dim: int, outputs: int | None = None) -> None:
        super().__init__()
        outputs = dim if outputs is None else outputs
        self.filter = nn.Conv1d(dim, dim, 3, stride=2, padding=1, groups=dim, bias=False)
        nn.init.constant_(self.filter.weight, 1 / 3)
        self.linear = nn.Linear(dim, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, t, dim), t even, to (n, t / 2, outputs)."""
        return self.linear(self.filter(x.transpose(1, 2)).transpose(1, 2))


class Upsample(nn.Module):
    """Double the frames by repeating each one, then a linear layer.

    ``inputs`` wide before, ``dim`` if left out.
    """

    def __init__(self, dim: int, inputs: int | None = None) -> None:
        super().__init__()
        self.dim = dim
        self.linear = nn.Linear(dim if inputs is None else inputs, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, t, inputs) to (n, 2 t, dim)."""
        x = self.linear(x)
        return torch.cat([x, x], dim=2).reshape(x.shape[0], -1, self.dim)


class TransformerBlock(nn.Module):
    """Attention and a GELU feed-forward of four times the width, each residual and pre-norm.

    Source:
        Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words".
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(dim)
        self.attention = SelfAttention(dim, heads)
        self.feed_norm = nn.LayerNorm(dim)
        self.feed = FeedForward(dim, 4 * dim, activation=nn.GELU)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, t, d) to (n, t, d)."""
        x = x + self.attention(self.attention_norm(x))
        return x + self.feed(self.feed_norm(x))
