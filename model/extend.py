"""Giving a recogniser more symbols without changing what it reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import Tensor

from inkport.core.charset import BLANK, Charset, normalise_text
from inkport.core.errors import SpecMismatchError
from inkport.model.weights import Weights
from inkport.model.zoo import plan


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
