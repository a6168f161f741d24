"""Layers as products of two smaller ones."""

from __future__ import annotations

from torch import nn

from inkport.core.errors import RecipeError


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
            f"ranks: {name!r} is no layer that can be factorised",
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
