"""MobileViT block with conditional position encoding, as HTR-ConvText puts one after each CNN stage."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from inkport.model.blocks import ConvNorm, TransformerBlock


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
