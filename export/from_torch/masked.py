"""A network for inputs of fixed width: columns behind the end of a line count as not there.

Padding a line further changes its logits, and often its text, because convolutions and attention see the
padding. So what an engine with fixed shapes gets is the network with one input more, a mask of the columns
that belong to the line. Every convolution finds zeros behind the line's end, which is what it finds behind the end of
the image, no frame attends to one behind it, and means over the line are those of its columns.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

from torch import Tensor, nn

from inkport.model.blocks import SelfAttention
from inkport.model.ppocr import SameUpper, SqueezeExcite


HIDDEN = -1e4
"""Added to the scores of frames behind the line's end; exp of it is 0 in float32."""


class MaskedNetwork(nn.Module):
    """Copies a network; ``forward`` takes images of any width together with a mask of their columns.

    It masks convolutions, ``SameUpper``, ``SelfAttention`` and ``SqueezeExcite``. A network that mixes columns in
    another way (recurrence) gives logits that depend on the padding; the exporter's comparison with the network finds
    that.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._masks = _Masks()
        self.network = copy.deepcopy(network)
        for parent in list(self.network.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, SameUpper) or (isinstance(child, nn.Conv1d | nn.Conv2d) and child.padding[-1]):
                    setattr(parent, name, _MaskedWindows(child, self._masks))
                elif isinstance(child, SelfAttention):
                    child.attend = _masked(child.attend, self._masks)  # type: ignore[method-assign,assignment]
                elif isinstance(child, SqueezeExcite):
                    child.average = _mean_of(self._masks)  # type: ignore[method-assign,assignment]

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


class _MaskedWindows(nn.Module):
    """A layer whose windows find zeros behind the line's end."""

    def __init__(self, layer: nn.Module, masks: _Masks) -> None:
        super().__init__()
        self.layer, self._masks = layer, masks

    def forward(self, x: Tensor) -> Tensor:
        mask = self._masks.at(x.shape[-1])
        visible: Tensor = self.layer(x * (mask if x.dim() == 4 else mask.squeeze(2)))
        return visible


def _mean_of(masks: _Masks) -> Callable[[Tensor], Tensor]:
    def mean(x: Tensor) -> Tensor:
        mask = masks.at(x.shape[-1])
        # One axis after the other: short sums round less, and engines add up in float32.
        means = (x * mask).mean(dim=3, keepdim=True).mean(dim=2, keepdim=True)
        return means / mask.mean(dim=3, keepdim=True)

    return mean


def _masked(attend: Callable[[Tensor], Tensor], masks: _Masks) -> Callable[[Tensor], Tensor]:
    def masked(scores: Tensor) -> Tensor:
        hidden = (1 - masks.at(scores.shape[-1])) * HIDDEN
        return attend(scores + hidden)

    return masked
