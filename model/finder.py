"""The line finder: a small U-Net of plain convolutions that maps a page to the lines on it.

A page in, maps at a quarter of its size out. Nothing in it is special, so that the strictest converter takes it and
int8 costs it little: 3x3 convolutions (Ronneberger et al. 2015, arXiv 1505.04597, with sums for concatenations), batch
normalisation that folds into them, ReLU, and transposed convolutions that double.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from inkport.core.errors import RecipeError


STRIDE = 4
"""Pixels of the page per cell of the maps, in both directions."""
MULTIPLE = 32
"""Height and width of a page are a multiple of it: the network halves five times."""
LEVELS = 4
"""Sizes that the network works at."""
MOST = 1024
"""Most channels, and longest dilation: far beyond what a page needs."""
MAPS = ("core", "start", "end", "above", "below")
"""What the maps hold, in order of their channels.

``core``, ``start``, ``end``: logits that a cell lies in the strip along a baseline, or at its left or right end.
``above``, ``below``: logarithm to base 2 of the line's height above and below its baseline, in cells.
"""
TURNS = ("none", "0", "90", "180", "270")
"""Classes of the second output: no text, or text that has been turned clockwise by so many degrees."""


@dataclass(frozen=True, kw_only=True)
class FinderConfig:
    """Sizes of the network.

    Raises:
        RecipeError: If there are not four sizes, or one is out of range.
    """

    channels: tuple[int, ...] = (16, 32, 64, 72)
    """At a quarter, an eighth, a sixteenth and a thirty-second of the page's size."""
    dilations: tuple[int, ...] = (1, 2, 4)
    """Of the convolutions at the smallest size: how far they look."""

    def __post_init__(self) -> None:
        if len(self.channels) != LEVELS or not all(1 <= size <= MOST for size in self.channels):
            raise RecipeError(f"channels must be {LEVELS} numbers within 1..{MOST}, found {list(self.channels)}")
        if not all(1 <= step <= MOST for step in self.dilations):
            raise RecipeError(f"dilations must be within 1..{MOST}, found {list(self.dilations)}")


class Finder(nn.Module):
    """Maps a page to its lines.

    Args:
        config: Sizes.
    """

    def __init__(self, config: FinderConfig | None = None) -> None:
        super().__init__()
        config = config or FinderConfig()
        quarter, eighth, sixteenth, deepest = config.channels
        self.stem = _norm(1, quarter, kernel=6, stride=STRIDE)
        self.quarter = _norm(quarter, quarter)
        self.eighth = nn.Sequential(_norm(quarter, eighth, stride=2), _norm(eighth, eighth))
        self.sixteenth = nn.Sequential(_norm(eighth, sixteenth, stride=2), _norm(sixteenth, sixteenth))
        self.deepest = nn.Sequential(
            _norm(sixteenth, deepest, stride=2), *(_Residual(deepest, dilation) for dilation in config.dilations)
        )
        self.up = nn.ModuleList(nn.ConvTranspose2d(*sizes, 2, 2) for sizes in pairwise(config.channels[::-1]))
        self.joined = nn.ModuleList(_norm(size, size) for size in config.channels[2::-1])
        self.maps = nn.Conv2d(quarter, len(MAPS), 1)
        self.turns = nn.Conv2d(sixteenth, len(TURNS), 1)

    def forward(self, page: Tensor) -> tuple[Tensor, Tensor]:
        """Return the maps.

        Args:
            page: float32 (n, 1, h, w), 0 black .. 1 white; both sizes multiples of ``MULTIPLE``.

        Returns:
            ``MAPS``, float32 (n, 5, h / 4, w / 4), and logits of ``TURNS``, float32 (n, 5, h / 16, w / 16).
        """
        quarter = self.quarter(self.stem(page))
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        x = self.deepest(sixteenth)
        levels = []
        for double, join, skipped in zip(self.up, self.joined, (sixteenth, eighth, quarter), strict=True):
            x = join(double(x) + skipped)
            levels.append(x)
        return self.maps(x), self.turns(levels[0])


def _norm(inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    # The output is as large as the input, over the stride.
    padding = (dilation * (kernel - 1) + 2 - stride) // 2
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class _Residual(nn.Module):
    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.inner = _norm(channels, channels, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        moved: Tensor = self.inner(x)
        return x + moved
