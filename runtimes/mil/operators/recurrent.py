"""The LSTM."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.runtimes.mil.operators.elementwise import sigmoid


Array = npt.NDArray[Any]


def lstm(
    x: Array,
    initial_h: Array,
    initial_c: Array,
    *,
    weight_ih: Array,
    weight_hh: Array,
    bias: Array | None = None,
    weight_ih_back: Array | None = None,
    weight_hh_back: Array | None = None,
    bias_back: Array | None = None,
    direction: str = "forward",
    output_sequence: Array | bool = False,
    recurrent_activation: str = "sigmoid",
    cell_activation: str = "tanh",
    activation: str = "tanh",
) -> tuple[Array, Array, Array]:
    """Read a sequence (s, b, inputs) forwards, or forwards and backwards, with gates in the order i, f, o, z.

    Args:
        x: The sequence.
        initial_h: First outputs (b, directions * hidden).
        initial_c: First cell states, likewise.
        weight_ih: (4 * hidden, inputs).
        weight_hh: (4 * hidden, hidden).
        bias: (4 * hidden,).
        weight_ih_back: As ``weight_ih``, for the way back.
        weight_hh_back: As ``weight_hh``, for the way back.
        bias_back: As ``bias``, for the way back.
        direction: ``forward`` or ``bidirectional``.
        output_sequence: Whether every step is returned; otherwise the last one of each direction.
        recurrent_activation: Only ``sigmoid``.
        cell_activation: Only ``tanh``.
        activation: Only ``tanh``.

    Returns:
        Outputs (s, b, directions * hidden), s 1 without ``output_sequence``; the last outputs and the last cell
        states (b, directions * hidden).
    """
    if (recurrent_activation, cell_activation, activation) != ("sigmoid", "tanh", "tanh"):
        raise ValueError(f"activations {recurrent_activation}, {cell_activation}, {activation} are not supported")
    if direction == "forward":
        outputs, h, c = _one_way(x, initial_h, initial_c, (weight_ih, weight_hh, bias))
        return outputs if output_sequence else outputs[-1:], h, c
    if direction != "bidirectional" or weight_ih_back is None or weight_hh_back is None:
        raise ValueError(f"direction {direction!r} is not supported, or its weights are missing")
    (h, h_back), (c, c_back) = np.split(initial_h, 2, axis=1), np.split(initial_c, 2, axis=1)
    forth = _one_way(x, h, c, (weight_ih, weight_hh, bias))
    back = _one_way(x[::-1], h_back, c_back, (weight_ih_back, weight_hh_back, bias_back))
    if output_sequence:
        outputs = np.concatenate([forth[0], back[0][::-1]], axis=2)
    else:
        outputs = np.concatenate([forth[0][-1:], back[0][-1:]], axis=2)
    return outputs, np.concatenate([forth[1], back[1]], axis=1), np.concatenate([forth[2], back[2]], axis=1)


def _one_way(x: Array, h: Array, c: Array, weights: tuple[Array, Array, Array | None]) -> tuple[Array, Array, Array]:
    weight_ih, weight_hh, bias = weights
    inputs = x @ weight_ih.T + (0 if bias is None else bias)
    outputs = []
    for step in inputs:
        gate_in, gate_forget, gate_out, new = np.split(step + h @ weight_hh.T, 4, axis=1)
        c = sigmoid(gate_forget) * c + sigmoid(gate_in) * np.tanh(new)
        h = sigmoid(gate_out) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs), h, c


OPERATORS: Mapping[str, Callable[..., Any]] = {"lstm": lstm}
