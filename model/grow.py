"""Growing what a recogniser is: more symbols, or a larger member of the convtext family, from what is known already."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from inkport.core.charset import BLANK, Charset, normalise_text
from inkport.core.errors import SpecMismatchError, UsageError
from inkport.model.convtext import ConvText, ConvTextConfig
from inkport.model.weights import Weights, deploy_tensors
from inkport.model.zoo import build, plan


STEM_LAYERS = 2
"""Layers of ``ConvText.cnn`` before the first stage."""


PRUNED = ("block_dim", "head_dim", "block_inner", "block_heads", "block_hidden", "block_conv", "ranks")
"""Settings of ``ConvTextConfig`` that pruning and factorising decide."""


def grow_weights(
    weights: Weights,
    model: str,
    *,
    settings: Mapping[str, Any] | None = None,
    seed: int = 1,
    version: str | None = None,
) -> Weights:
    """Return weights of a larger member of the family that start out reading much as the given ones do.

    Old values keep their place; what was there before hears nothing from new channels, blocks and heads at
    first, which are fresh and learn at once (after Net2Net, Chen et al. 2016, arXiv 1511.05641, with zeros instead
    of copies). New residual blocks and ConvText blocks add nothing at first. Only layer norms see new channels;
    their gains are scaled as if these were zero, which is nearly so.

    Args:
        weights: Weights of a convtext-family network.
        model: Name of the network to grow into, in ``inkport.model.zoo.NETWORKS``.
        settings: Settings of that network to change, fields of ``ConvTextConfig``, for example its residual blocks.
        seed: Seed of the new values.
        version: Version of the result; that of ``weights`` if left out.

    Raises:
        UsageError: If a network is not of the family, or the new one is smaller somewhere, its heads have another
            width, or a setting is not for growing.
        RecipeError: If ``model`` or a setting is unknown, or its value does not fit.
    """
    settings = {} if settings is None else settings
    if fixed := sorted({"classes", "height", *PRUNED} & set(settings)):
        raise UsageError(
            f"{', '.join(fixed)} cannot change while growing",
            remedy="set what makes a network larger, for example blocks, channels or depth",
        )
    old = weights.network()
    torch.manual_seed(seed)
    config = {"height": old.config.height, **settings}
    new = build(model, weights.spec.charset.size, config)
    if not (isinstance(old, ConvText) and isinstance(new, ConvText)):
        raise UsageError(
            f"{weights.spec.name} cannot grow into {model}", remedy="name two networks of the convtext family"
        )
    _check(old.config, new.config, model)
    names = _names(old.config, new.config)
    tensors = deploy_tensors(new)
    _silence_new_blocks(tensors, old.config, new.config)
    for name, tensor in weights.tensors.items():
        _place(tensor, tensors[_rename(name, names)])
    gain = math.sqrt(old.config.dim / new.config.dim)
    for name, module in old.named_modules():
        if isinstance(module, nn.LayerNorm):
            tensors[f"{name}.weight"][: old.config.dim] *= gain
    return Weights(
        spec=replace(weights.spec, name=model, version=weights.spec.version if version is None else version),
        config=config,
        provenance={"grow": {"from": weights.spec.name, "seed": seed, "provenance": weights.provenance}},
        tensors=tensors,
    )


def _check(old: ConvTextConfig, new: ConvTextConfig, model: str) -> None:
    if own := [name for name in PRUNED if getattr(old, name)]:
        raise UsageError(
            f"the weights are pruned or factorised ({', '.join(own)}), {model} is not",
            remedy="grow the weights that they were made from",
        )
    if old.head_width != new.head_width or old.kernel != new.kernel:
        found = f"the weights have heads of {old.head_width} and {old.kernel} taps"
        raise UsageError(f"{found}, {model} has heads of {new.head_width} and {new.kernel} taps")
    if len(old.channels) != len(new.channels):
        raise UsageError(f"{model} has {len(new.channels)} stages, the weights have {len(old.channels)}")
    before = (old.stem, *old.channels, *old.blocks, old.dim, old.hidden, old.depth)
    after = (new.stem, *new.channels, *new.blocks, new.dim, new.hidden, new.depth)
    if any(b > a for b, a in zip(before, after, strict=True)):
        raise UsageError(
            f"{model} is smaller than the weights somewhere: {after} against {before}",
            remedy="grow into a larger network, or set what is smaller there, for example --set 'blocks=[2, 2, 1]'",
        )


def _names(old: ConvTextConfig, new: ConvTextConfig) -> dict[str, str]:
    """Map prefixes of residual blocks: stage by stage, new blocks come after the old ones."""
    names: dict[str, str] = {}
    at_old = at_new = STEM_LAYERS
    for few, many in zip(old.blocks, new.blocks, strict=True):
        names |= {f"cnn.{at_old + block}.": f"cnn.{at_new + block}." for block in range(few)}
        at_old, at_new = at_old + few, at_new + many
    return names


def _rename(name: str, names: dict[str, str]) -> str:
    for old, new in names.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name


def _place(old: Tensor, new: Tensor) -> None:
    if old.ndim >= 2:
        new[: old.shape[0], old.shape[1] :] = 0
    new[tuple(slice(size) for size in old.shape)] = old


def _silence_new_blocks(tensors: dict[str, Tensor], old: ConvTextConfig, new: ConvTextConfig) -> None:
    layer = STEM_LAYERS
    for few, many in zip(old.blocks, new.blocks, strict=True):
        for block in range(few, many):
            tensors[f"cnn.{layer + block}.body.1.1.weight"].zero_()
        layer += many
    for block in range(old.depth, new.depth):
        for linear in ("attention.out", "feed_in.2", "conv.out", "feed_out.2"):
            tensors[f"encoder.{block}.{linear}.weight"].zero_()
            tensors[f"encoder.{block}.{linear}.bias"].zero_()


def extended_charset(charset: Charset, texts: Iterable[str]) -> Charset:
    """Return the charset with the symbols of ``texts`` that it lacks behind its own, by code point.

    Old symbols keep their labels; without new ones the charset comes back as it is.
    """
    new = {symbol for text in texts for symbol in normalise_text(text)} - set(charset.symbols)
    return Charset((*charset.symbols, *sorted(new))) if new else charset


def extend_weights(weights: Weights, charset: Charset) -> Weights:
    """Return weights for a larger charset that read every image as the given ones do.

    Each head gets a row per new symbol: the mean of the rows of the old symbols, the blank left out. A new symbol's
    logit is then the mean logit of the old symbols, so that it is never the largest, its probability in a frame is
    at most one in the number of symbols (Jensen's inequality), and its gradient is an ordinary symbol's (Hewitt 2021,
    https://nlp.stanford.edu/~johnhew/vocab-expansion.html). Old rows keep their bits, so old logits stay up to
    the rounding of a product with a larger matrix; in ``htr-vt``, which standardises logits over all classes, they
    keep their order only.

    Args:
        weights: Weights of any network.
        charset: Starts with the symbols of the weights.

    Raises:
        SpecMismatchError: If the charset does not start with the symbols of the weights.
    """
    old = weights.spec.charset
    if charset.symbols[: len(old.symbols)] != old.symbols:
        raise SpecMismatchError(
            f"the charset of {len(charset.symbols)} symbols does not start with the {len(old.symbols)} of the weights",
            remedy="keep the old symbols in their order, and put new ones behind them",
        )
    if charset == old:
        return weights
    shapes = {name: t.shape for name, t in plan(weights.spec.name, charset.size, weights.config).items()}
    tensors = {
        name: tensor if tensor.shape == shapes[name] else _with_rows(tensor, charset.size)
        for name, tensor in weights.tensors.items()
    }
    return replace(weights, spec=replace(weights.spec, charset=charset), tensors=tensors)


def _with_rows(head: Tensor, classes: int) -> Tensor:
    mean = head[BLANK + 1 :].double().mean(dim=0, keepdim=True).to(head.dtype)
    return torch.cat([head, mean.expand(classes - len(head), *head.shape[1:])]).contiguous()
