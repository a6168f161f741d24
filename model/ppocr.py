"""PP-OCRv6's small recogniser of lines, with gray input and a frame every four columns.

Written from the graph of ``PP-OCRv6_rec_small.onnx`` (PaddleOCR, Apache-2.0; none of its code): a stem, thirteen blocks
of a depthwise and two pointwise convolutions (after RepViT, Wang et al. 2023, arXiv 2307.09283), two transformer blocks
(after SVTR, Du et al. 2022, arXiv 2205.00159), a linear head. Three things differ, and no weight of ours changes with
them: one gray channel instead of three equal ones, whose filters are summed; normalisation inside the network, so that
it takes the images that all others take; and a last pooling that leaves the columns alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inkport.core.errors import RecipeError
from inkport.model.blocks import FeedForward, SelfAttention
from inkport.model.recogniser import NetworkConfig, Recogniser, TrainOutput


STRIDE = 4
"""Input columns per frame; measured in docs/frames.md."""
SQUEEZE = 4
"""Channels per channel of a squeeze-and-excitation's middle."""
EXPANSION = 2
"""Channels between the pointwise convolutions of a block, and hidden width of a transformer block, per channel."""


@dataclass(frozen=True, kw_only=True)
class PpOcrConfig(NetworkConfig):
    """Shape of the network; the defaults are PP-OCRv6_rec_small.

    Raises:
        RecipeError: If the sizes do not fit each other.
    """

    height: int = 48
    """Height of the input in pixels, a multiple of ``rows_per_feature``."""
    stem: int = 48
    """Channels of the first convolution, even."""
    channels: tuple[int, ...] = (96, 192, 384)
    """Channels of the stages at 1/4, 1/8 and 1/16 of the height, multiples of 4."""
    blocks: tuple[int, ...] = (3, 6, 2)
    """Blocks of each stage that keep its size; one more leads to the next stage."""
    dim: int = 120
    """Width of the encoder."""
    heads: int = 8
    """Attention heads."""
    depth: int = 2
    """Transformer blocks."""
    kernel: int = 7
    """Taps of the depthwise convolution over time."""

    width_multiple: ClassVar[int] = 4

    def __post_init__(self) -> None:
        if len(self.channels) != len(self.blocks) or not self.channels:
            raise RecipeError(f"channels {self.channels} and blocks {self.blocks} must pair up")
        sizes = (self.classes, self.height, self.stem, *self.channels, *self.blocks, self.dim, self.heads, self.depth)
        if min(sizes) < 1:
            raise RecipeError(f"every size must be at least 1: {self}")
        if self.stem % 2 or any(width % SQUEEZE for width in self.channels) or self.kernel % 2 != 1:
            raise RecipeError(f"stem must be even, channels multiples of {SQUEEZE}, kernel odd: {self}")
        if self.height % self.rows_per_feature or self.dim % self.heads:
            raise RecipeError(
                f"height must be a multiple of {self.rows_per_feature} and dim {self.dim} of heads {self.heads}: {self}"
            )

    @property
    def rows_per_feature(self) -> int:
        """Input rows per row that the last pooling gathers."""
        return 4 * 2 ** (len(self.channels) - 1)


class SameUpper(nn.Module):
    """A layer of windows of two, which reach one row below and one column to the right, into zeros."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, c, h, w) to the same height and width."""
        return self.layer(F.pad(x, (0, 1, 0, 1)))


class Stem(nn.Module):
    """A quarter of the rows and columns: a 3x3 convolution, two branches at half size, 3x3 and 1x1 again."""

    def __init__(self, inner: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, inner, 3, 2, 1)
        self.narrow = SameUpper(nn.Conv2d(inner, inner // 2, 2))
        self.widen = SameUpper(nn.Conv2d(inner // 2, inner, 2))
        # Nothing is below 0 here, so that zeros around the image never win the pooling.
        self.pool = SameUpper(nn.MaxPool2d(2, 1))
        self.join = nn.Conv2d(2 * inner, inner, 3, 2, 1)
        self.last = nn.Conv2d(inner, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, 1, h, w) to (n, outputs, h / 4, w / 4)."""
        x = torch.relu(self.first(x))
        branch = torch.relu(self.widen(torch.relu(self.narrow(x))))
        x = torch.cat([self.pool(x), branch], dim=1)
        return torch.relu(self.last(torch.relu(self.join(x))))


class SqueezeExcite(nn.Module):
    """Weigh channels by their means over the whole line (Hu et al. 2018, arXiv 1709.01507), padding included."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(channels, channels // SQUEEZE, 1)
        self.up = nn.Conv2d(channels // SQUEEZE, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, c, h, w) to the same shape."""
        return x * F.hardsigmoid(self.up(torch.relu(self.down(self.average(x)))))

    def average(self, x: Tensor) -> Tensor:
        """Return the mean of each channel, (n, c, 1, 1)."""
        return x.mean(dim=(2, 3), keepdim=True)


class Block(nn.Module):
    """A depthwise 3x3 convolution, which mixes places, and two pointwise ones, which mix channels.

    With ``outputs`` it leads to the next stage: as many channels, half the rows, and nothing leads around it.
    """

    def __init__(self, inputs: int, outputs: int | None = None, *, squeeze: bool = False) -> None:
        super().__init__()
        self.residual = outputs is None
        stride = (1, 1) if outputs is None else (2, 1)
        outputs = inputs if outputs is None else outputs
        self.places = nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs)
        self.squeeze = SqueezeExcite(inputs) if squeeze else nn.Identity()
        self.channels = nn.Sequential(
            nn.Conv2d(inputs, EXPANSION * inputs, 1), nn.GELU(), nn.Conv2d(EXPANSION * inputs, outputs, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, inputs, h, w) to the same shape, or to (n, outputs, h / 2, w)."""
        x = self.squeeze(self.places(x))
        return x + self.channels(x) if self.residual else self.channels(x)


class EncoderBlock(nn.Module):
    """Attention and a SiLU feed-forward, each residual and pre-norm."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(dim)
        self.attention = SelfAttention(dim, heads)
        self.feed_norm = nn.LayerNorm(dim)
        self.feed = FeedForward(dim, EXPANSION * dim, activation=nn.SiLU)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, t, d) to (n, t, d)."""
        x = x + self.attention(self.attention_norm(x))
        return x + self.feed(self.feed_norm(x))


class ConvNormSilu(nn.Sequential):
    """A convolution along the line without bias, batch norm, SiLU."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int = 1, groups: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, (1, kernel), padding=(0, kernel // 2), groups=groups, bias=False),
            nn.BatchNorm2d(outputs),
            nn.SiLU(),
        )


class PpOcr(Recogniser):
    """The network; widths are multiples of 4."""

    def __init__(self, config: PpOcrConfig) -> None:
        super().__init__()
        self.config: PpOcrConfig = config
        layers: list[nn.Module] = [Stem(config.stem, config.channels[0])]
        for stage, (width, count) in enumerate(zip(config.channels, config.blocks, strict=True)):
            if stage > 0:
                layers.append(Block(config.channels[stage - 1], width))
            # Every other block weighs its channels, from the first one on, but never the last one of a stage.
            layers += [Block(width, squeeze=i % 2 == 0 and i < count - 1) for i in range(count)]
        layers.append(nn.AvgPool2d((config.height // config.rows_per_feature, 1)))
        self.cnn = nn.Sequential(*layers)
        self.around = ConvNormSilu(config.channels[-1], config.dim)
        self.enter = ConvNormSilu(config.channels[-1], config.dim)
        self.nearby = ConvNormSilu(config.dim, config.dim, kernel=config.kernel, groups=config.dim)
        self.encoder = nn.Sequential(*(EncoderBlock(config.dim, config.heads) for _ in range(config.depth)))
        self.norm = nn.LayerNorm(config.dim, eps=1e-6)
        self.head = nn.Linear(config.dim, config.classes)

    def encode(self, images: Tensor) -> Tensor:
        """Map images (n, 1, h, w) to encoder outputs (n, w / 4, dim)."""
        # (x - 0.5) / 0.5, with which the network was trained. Not in the first filter, whose zero padding is mid-gray.
        features = self.cnn(2 * images - 1)
        x = self.enter(features)
        x = self.norm(self.encoder((x + self.nearby(x)).squeeze(2).transpose(1, 2)))
        return x + self.around(features).squeeze(2).transpose(1, 2)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits float32 (n, w / 4, classes) for images float32 (n, 1, h, w), w a multiple of 4."""
        return self.head(self.encode(images))

    def forward_train(self, images: Tensor) -> TrainOutput:
        """Return the logits; there is no auxiliary head."""
        encoded = self.encode(images)
        return TrainOutput(logits=self.head(encoded), context=encoded)
