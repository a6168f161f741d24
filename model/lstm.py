"""Bidirectional LSTM that exports to ONNX's own LSTM operator with a length that varies."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class BiLstm(nn.Module):
    """Layers of bidirectional LSTM over (n, t, inputs).

    Args:
        inputs: Width of a frame.
        hidden: Width of the state of each direction.
        layers: Number of layers.
        dropout: Dropout between layers.
    """

    def __init__(self, inputs: int, hidden: int, layers: int, *, dropout: float) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, hidden, layers, bidirectional=True, batch_first=True, dropout=dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, t, inputs) to (n, t, 2 * hidden)."""
        if not torch.onnx.is_in_onnx_export():
            return self.lstm(x)[0]
        # Traced as it is, torch takes the example's length for the length of every output.
        x = x.transpose(0, 1)
        for layer in range(self.lstm.num_layers):
            x = self._onnx_layer(x, layer)
        return x.transpose(0, 1)

    def _onnx_layer(self, x: Tensor, layer: int) -> Tensor:
        frames, n, hidden = x.shape[0], x.shape[1], self.lstm.hidden_size
        weights, recurrent, biases = (
            torch.stack([self._gates(f"{kind}_l{layer}{direction}") for direction in ("", "_reverse")])
            for kind in ("weight_ih", "weight_hh", "bias")
        )
        outputs = torch.onnx.ops.symbolic(
            "LSTM",
            (x, weights, recurrent, biases),
            {"hidden_size": hidden, "direction": "bidirectional"},
            dtype=x.dtype,
            shape=(frames, 2, n, hidden),
            version=14,
        )
        return outputs.transpose(1, 2).reshape(frames, n, 2 * hidden)

    def _gates(self, name: str) -> Tensor:
        """Return a weight with its gates in ONNX's order (input, output, forget, cell)."""
        if name.startswith("bias_l"):
            return torch.cat([self._gates(name.replace("bias", kind)) for kind in ("bias_ih", "bias_hh")])
        hidden, weight = self.lstm.hidden_size, self.lstm.get_parameter(name)
        return torch.cat([weight[:hidden], weight[3 * hidden :], weight[hidden : 3 * hidden]])
