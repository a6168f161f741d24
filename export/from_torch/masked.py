"""A network for inputs of fixed width: columns behind the end of a line count as not there.

Padding a line further changes its logits, and often its text, because convolutions and attention see the
padding. So what an engine with fixed shapes gets is the network with one input more, a mask of the columns
that belong to the line. Every convolution finds zeros behind the line's
end, which is what it finds behind the end of the image, and no frame attends to one behind it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

from torch import Tensor, nn

from inkport.model.blocks import SelfAttention


HIDDEN = -1e4
"""Added to the scores of frames behind the line's end; exp of it is 0 in float32."""


class MaskedNetwork(nn.Module):
    """Copies a network; ``forward`` takes images of any width together with a mask of their columns.

    It masks convolutions and ``SelfAttention``. A network that mixes columns in another way (recurrence,
    pooling) gives logits that depend on the padding; the exporter's comparison with the network finds that.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._masks = _Masks()
        self.network = copy.deepcopy(network)
        for parent in list(self.network.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, nn.Conv1d | nn.Conv2d) and child.padding[-1]:
                    setattr(parent, name, _MaskedConvolution(child, self._masks))
                elif isinstance(child, SelfAttention):
                    child.attend = _masked(child.attend, self._masks)  # type: ignore[method-assign,assignment]

    def forward(self, images: Tensor, columns: Tensor) -> Tensor:
        """Return logits, of which those behind the line's end mean nothing.

        Args:
            images: float32 (1, 1, h, w).
            columns: float32 (1, 1, 1, w), 1 in the columns of the line and 0 behind its end.
        """
        self._masks.columns = columns
        logits: Tensor = self.network(images)
        return logits


class _Masks:
    """The mask of the current line, at the resolution that a layer asks for."""

    columns: Tensor

    def at(self, width: int) -> Tensor:
        """Return the mask as (1, 1, 1, width)."""
        step = self.columns.shape[-1] // width
        return self.columns if step == 1 else self.columns[..., ::step]


class _MaskedConvolution(nn.Module):
    def __init__(self, convolution: nn.Conv1d | nn.Conv2d, masks: _Masks) -> None:
        super().__init__()
        self.convolution, self._masks = convolution, masks

    def forward(self, x: Tensor) -> Tensor:
        mask = self._masks.at(x.shape[-1])
        visible: Tensor = self.convolution(x * (mask if x.dim() == 4 else mask.squeeze(2)))
        return visible


def _masked(attend: Callable[[Tensor], Tensor], masks: _Masks) -> Callable[[Tensor], Tensor]:
    def masked(scores: Tensor) -> Tensor:
        hidden = (1 - masks.at(scores.shape[-1])) * HIDDEN
        return attend(scores + hidden)

    return masked
