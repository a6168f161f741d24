"""convtext: a residual CNN and a ConvText encoder with one down/up step, read out by CTC.

After HTR-ConvText (arXiv 2512.05021), in a form that exports with dynamic width and is fast on small
devices: dense 3x3 convolutions (they survive int8 and use matrix units, depthwise ones do neither), ReLU
throughout, attention at half the frame rate, positions from convolutions instead of tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from inkport.core.errors import RecipeError
from inkport.model.blocks import BasicBlock, BlockSizes, ConvNorm, ConvTextBlock, Downsample, Upsample
from inkport.model.recogniser import NetworkConfig, Recogniser, TrainOutput


def factorise(network: nn.Module, name: str, rank: int) -> None:
    """Replace a layer of a network by two fresh ones of the same inputs and outputs, in place.

    A linear layer becomes one to ``rank`` features and one from there. A convolution becomes one of the same
    kernel to ``rank`` channels and a 1x1 convolution (Zhang et al. 2016, https://arxiv.org/abs/1505.06798).

    Args:
        network: The network.
        name: Name of the layer, as in ``named_modules``.
        rank: At least 1.

    Raises:
        RecipeError: If there is no such layer, or it is neither linear nor an undivided 2-d convolution.
    """
    layer = dict(network.named_modules()).get(name)
    parent, _, last = name.rpartition(".")
    if isinstance(layer, nn.Linear):
        pair = linear_pair(layer, rank)
    elif isinstance(layer, nn.Conv2d) and layer.groups == 1:
        pair = filter_pair(layer, rank)
    else:
        raise RecipeError(
            f"ranks: {name!r} is not a layer that can be factorised",
            remedy="name a linear layer or a 2-d convolution, for example encoder.0.feed_in.0",
        )
    setattr(network.get_submodule(parent), last, pair)


def linear_pair(layer: nn.Linear, rank: int) -> nn.Sequential:
    """Return fresh layers of the same inputs and outputs."""
    return nn.Sequential(
        nn.Linear(layer.in_features, rank, bias=False),
        nn.Linear(rank, layer.out_features, bias=layer.bias is not None),
    )


def filter_pair(layer: nn.Conv2d, rank: int) -> nn.Sequential:
    """Return fresh layers of the same inputs and outputs."""
    first = nn.Conv2d(
        layer.in_channels,
        rank,
        (layer.kernel_size[0], layer.kernel_size[1]),
        (layer.stride[0], layer.stride[1]),
        (int(layer.padding[0]), int(layer.padding[1])),
        bias=False,
    )
    return nn.Sequential(first, nn.Conv2d(rank, layer.out_channels, 1, bias=layer.bias is not None))


STRIDE = 4
"""Input columns per frame; measured in docs/frames.md."""


@dataclass(frozen=True, kw_only=True)
class ConvTextConfig(NetworkConfig):
    """Shape of one member of the family; the defaults are convtext-tiny.

    Raises:
        RecipeError: If the sizes do not fit each other.
    """

    height: int = 48
    """Height of the input in pixels, a multiple of ``rows_per_feature``."""
    stem: int = 24
    """Channels of the first convolution."""
    channels: tuple[int, ...] = (64, 96, 128)
    """Channels of the stages at 1/4, 1/8 and 1/16 of the height."""
    blocks: tuple[int, ...] = (1, 1, 1)
    """Residual blocks per stage."""
    dim: int = 144
    """Width of the encoder."""
    heads: int = 3
    """Attention heads."""
    hidden: int = 256
    """Width of the feed-forward halves."""
    depth: int = 2
    """ConvText blocks, at half the frame rate."""
    kernel: int = 7
    """Taps of the depthwise convolution over time."""
    dropout: float = 0.0
    """Dropout in the encoder; none by default, a network this small underfits."""
    block_dim: int | None = None
    """Width between the ConvText blocks, at half the frame rate; ``dim`` if left out."""
    head_dim: int | None = None
    """Width of a head; that of the ConvText blocks divided by ``heads`` if left out."""
    block_inner: tuple[int, ...] = ()
    """Channels between the convolutions of each residual block; those of its stage if left out."""
    block_heads: tuple[int, ...] = ()
    """Heads of each ConvText block; ``heads`` if left out."""
    block_hidden: tuple[int, ...] = ()
    """Widths of both feed-forward halves of each ConvText block, so two values each; ``hidden`` if left out."""
    block_conv: tuple[int, ...] = ()
    """Channels inside the convolution module of each ConvText block; their width if left out."""
    ranks: Mapping[str, int] = field(default_factory=dict)
    """Linear layers and convolutions, by their names in the network, that are the product of two of that rank."""

    def __post_init__(self) -> None:
        if len(self.channels) != len(self.blocks) or not self.channels or min(self.channels + self.blocks[1:]) < 1:
            raise RecipeError(f"channels {self.channels} and blocks {self.blocks} must pair up and be at least 1")
        inner = (*self.block_inner, *self.block_heads, *self.block_hidden, *self.block_conv, *self.ranks.values())
        if min(self.classes, self.height, self.stem, self.dim, self.heads, self.hidden, self.depth, *inner) < 1:
            raise RecipeError(f"every size must be at least 1: {self}")
        whole = self.head_dim is not None or self.block_width % self.heads == 0
        if self.blocks[0] < 0 or self.height % self.rows_per_feature or not whole or self.kernel % 2 != 1:
            raise RecipeError(
                f"height must be a multiple of {self.rows_per_feature}, dim of heads, and kernel odd: {self}"
            )
        for name, count in (
            ("block_inner", sum(self.blocks)),
            ("block_heads", self.depth),
            ("block_hidden", 2 * self.depth),
            ("block_conv", self.depth),
        ):
            if len(getattr(self, name)) not in (0, count):
                raise RecipeError(f"{name} has {len(getattr(self, name))} values, the network has {count} such widths")
        if min(self.head_width, self.block_width) < 1:
            raise RecipeError(f"head_dim and block_dim must be at least 1, found {self.head_dim} and {self.block_dim}")

    @property
    def rows_per_feature(self) -> int:
        """Input rows per row of CNN features: the stem takes 4, each stage after the first halves the rest."""
        return 4 * 2 ** (len(self.channels) - 1)

    @property
    def head_width(self) -> int:
        """Width of an attention head."""
        return self.block_width // self.heads if self.head_dim is None else self.head_dim

    @property
    def block_width(self) -> int:
        """Width between the ConvText blocks."""
        return self.dim if self.block_dim is None else self.block_dim

    @property
    def inner(self) -> tuple[int, ...]:
        """Channels between the convolutions of each residual block."""
        stages = zip(self.channels, self.blocks, strict=True)
        return self.block_inner or tuple(width for width, blocks in stages for _ in range(blocks))

    @property
    def block_sizes(self) -> tuple[BlockSizes, ...]:
        """Inner widths of each ConvText block."""
        heads = self.block_heads or (self.heads,) * self.depth
        hidden = self.block_hidden or (self.hidden,) * 2 * self.depth
        conv = self.block_conv or (self.block_width,) * self.depth
        return tuple(
            BlockSizes(
                heads=heads[i],
                head_dim=self.head_width,
                feed_in=hidden[2 * i],
                conv=conv[i],
                feed_out=hidden[2 * i + 1],
            )
            for i in range(self.depth)
        )


class ConvText(Recogniser):
    """The network; widths are multiples of 8. Which of them can differ from block to block, pruning decides."""

    def __init__(self, config: ConvTextConfig) -> None:
        super().__init__()
        self.config: ConvTextConfig = config
        first = config.channels[0]
        layers: list[nn.Module] = [
            ConvNorm(1, config.stem, stride=(2, 2)),
            ConvNorm(config.stem, first, stride=(2, 2)),
        ]
        inputs, inner = first, iter(config.inner)
        for stage, (outputs, blocks) in enumerate(zip(config.channels, config.blocks, strict=True)):
            for block in range(blocks):
                shrink = stage > 0 and block == 0
                layers.append(BasicBlock(inputs, outputs, stride=(2, 1) if shrink else (1, 1), inner=next(inner)))
                inputs = outputs
        self.cnn = nn.Sequential(*layers)
        rows = config.height // config.rows_per_feature
        self.collapse = nn.Sequential(
            nn.Conv2d(inputs, config.dim, (rows, 1), bias=False), nn.BatchNorm2d(config.dim), nn.ReLU()
        )
        self.down = Downsample(config.dim, config.block_width)
        self.encoder = nn.Sequential(
            *(ConvTextBlock(config.block_width, config.kernel, config.dropout, sizes) for sizes in config.block_sizes)
        )
        self.up = Upsample(config.dim, config.block_width)
        self.norm = nn.LayerNorm(config.dim)
        self.head = nn.Linear(config.dim, config.classes)
        # Shortcut CTC on the CNN features (Retsinas et al., DAS 2022): training only, never exported.
        self.shortcut = nn.Linear(config.dim, config.classes)
        for name, rank in config.ranks.items():
            factorise(self, name, rank)

    def features(self, images: Tensor) -> Tensor:
        """Map images (n, 1, h, w) to CNN features (n, w / 4, dim)."""
        return self.collapse(self.cnn(images)).squeeze(2).transpose(1, 2)

    def encode(self, features: Tensor) -> Tensor:
        """Map CNN features (n, t, dim), t even, to encoder outputs of the same shape."""
        return self.norm(features + self.up(self.encoder(self.down(features))))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits float32 (n, w / 4, classes) for images float32 (n, 1, h, w), w a multiple of 8."""
        return self.head(self.encode(self.features(images)))

    def forward_train(self, images: Tensor) -> TrainOutput:
        """Return the logits of the head and of the auxiliary shortcut."""
        features = self.features(images)
        encoded = self.encode(features)
        return TrainOutput(logits=self.head(encoded), auxiliary={"shortcut": self.shortcut(features)}, context=encoded)
