"""LSTM and GRU of ONNX as those of torch: other orders of gates, other axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from inkport.core.errors import ExportError


RECURRENT = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2)}
"""For each of torch's gates (input, forget, cell, output; reset, update, new) its place among those of ONNX."""
STATES = slice(5, 7)
"""Inputs with the states at the beginning."""


def recurrent(kind: str, attributes: Mapping[str, Any], inputs: Sequence[npt.NDArray[Any] | None]) -> nn.Module:
    """Return a layer that maps (t, n, c) to (t, directions, n, c), as ONNX's does.

    Args:
        kind: One of ``RECURRENT``.
        attributes: The operator's.
        inputs: Its constant inputs: weights, recurrent weights, biases; None for what is computed or left out.

    Raises:
        ExportError: If it has a form that torch's layers have not.
    """
    direction = attributes.get("direction", b"forward").decode()
    plain = direction in ("forward", "bidirectional") and not attributes.get("layout") and "clip" not in attributes
    linear = kind == "LSTM" or attributes.get("linear_before_reset") == 1
    given: list[Any] = [*inputs, *[None] * 4]
    weight, hidden, bias = given[1:4]
    if not plain or not linear or "activations" in attributes or weight is None or hidden is None or inputs[7:]:
        raise ExportError(f"{kind} with {dict(attributes)} is not one that torch has")
    size, directions = hidden.shape[2], len(weight)
    layer = getattr(nn, kind)(weight.shape[2], size, bidirectional=directions == 2)
    gates = len(RECURRENT[kind])
    biases = np.zeros((directions, 2 * gates * size), np.float32) if bias is None else bias
    with torch.no_grad():
        for index, suffix in enumerate(("", "_reverse")[:directions]):
            halves = (*np.split(biases[index], 2), weight[index], hidden[index])
            for name, values in zip(("bias_ih", "bias_hh", "weight_ih", "weight_hh"), halves, strict=True):
                parts = np.split(values, gates)
                ordered = np.concatenate([parts[place] for place in RECURRENT[kind]])
                getattr(layer, f"{name}_l0{suffix}").copy_(torch.from_numpy(ordered))
    return _WithAxes(layer, directions)


class _WithAxes(nn.Module):
    """A layer of torch with ONNX's axes; it begins with states of 0, which is what recognisers begin with."""

    def __init__(self, layer: nn.Module, directions: int) -> None:
        super().__init__()
        self.layer, self._directions = layer, directions

    def forward(self, x: Tensor) -> tuple[Tensor]:
        found = self.layer(x)[0]
        frames, lines = x.shape[0], x.shape[1]
        return (found.reshape(frames, lines, self._directions, -1).permute(0, 2, 1, 3),)
