"""CNN, column max-pool, bidirectional LSTM, CTC: the baseline of Retsinas et al. (DAS 2022), from its description."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from inkport.core.errors import RecipeError
from inkport.model.recogniser import NetworkConfig, Recogniser, TrainOutput
from inkport.model.resnet import residual_stage


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


STRIDE = 8
"""Input columns per frame."""
ROWS_PER_FEATURE = 16
"""Input rows per row of CNN features."""


@dataclass(frozen=True, kw_only=True)
class CrnnConfig(NetworkConfig):
    """Sizes; the defaults are the published network.

    Raises:
        RecipeError: If the sizes do not fit each other.
    """

    height: int = 128
    """Height of the input in pixels, a multiple of 16."""
    stem: int = 32
    """Channels of the first convolution."""
    channels: tuple[int, ...] = (64, 128, 256)
    """Channels of the three stages."""
    blocks: tuple[int, ...] = (2, 3, 2)
    """Residual blocks per stage."""
    hidden: int = 256
    """Width of the LSTM's state, each way."""
    layers: int = 3
    """LSTM layers."""
    dropout: float = 0.2
    """Dropout between LSTM layers."""

    def __post_init__(self) -> None:
        if len(self.channels) != 3 or len(self.blocks) != 3 or min(self.channels + self.blocks) < 1:
            raise RecipeError(f"channels {self.channels} and blocks {self.blocks} must be three sizes of at least 1")
        if min(self.classes, self.height, self.stem, self.hidden, self.layers) < 1 or not 0 <= self.dropout < 1:
            raise RecipeError(f"every size must be at least 1, and dropout within 0..1: {self}")
        if self.height % ROWS_PER_FEATURE:
            raise RecipeError(f"height must be a multiple of {ROWS_PER_FEATURE}: {self}")


class Crnn(Recogniser):
    """The network; widths are multiples of 8."""

    def __init__(self, config: CrnnConfig) -> None:
        super().__init__()
        self.config: CrnnConfig = config
        first, second, third = (
            residual_stage(inputs, outputs, blocks)
            for inputs, outputs, blocks in zip(
                (config.stem, *config.channels), config.channels, config.blocks, strict=False
            )
        )
        self.cnn = nn.Sequential(
            nn.Conv2d(1, config.stem, 7, (4, 2), 3),
            nn.ReLU(),
            first,
            nn.MaxPool2d(2, 2),
            second,
            nn.MaxPool2d(2, 2),
            third,
        )
        self.column = nn.MaxPool2d((config.height // ROWS_PER_FEATURE, 1))
        self.lstm = BiLstm(config.channels[2], config.hidden, config.layers, dropout=config.dropout)
        self.head = nn.Linear(2 * config.hidden, config.classes)
        # Training only, never exported.
        self.shortcut = nn.Conv1d(config.channels[2], config.classes, 3, padding=1)

    def features(self, images: Tensor) -> Tensor:
        """Map images (n, 1, h, w) to CNN features (n, w / 8, channels)."""
        # Ink is 1 and paper 0, so that the zeros that convolutions pad with are paper.
        return self.column(self.cnn(1 - images)).flatten(2).transpose(1, 2)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits float32 (n, w / 8, classes) for images float32 (n, 1, h, w), w a multiple of 8."""
        return self.head(self.lstm(self.features(images)))

    def forward_train(self, images: Tensor) -> TrainOutput:
        """Return the logits of the head and of the auxiliary shortcut."""
        features = self.features(images)
        encoded = self.lstm(features)
        shortcut = self.shortcut(features.transpose(1, 2)).transpose(1, 2)
        return TrainOutput(logits=self.head(encoded), auxiliary={"shortcut": shortcut}, context=encoded)
