"""What every network offers beside ``forward``: its configuration, and outputs that only training reads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor, nn

from inkport.core.errors import RecipeError
from inkport.core.preprocess import PreprocessSpec


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """What every network's configuration holds."""

    classes: int
    """Classes of the CTC head, blank included."""
    height: int
    """Height of the input, in pixels."""

    width_multiple: ClassVar[int] = 8
    """The network reads widths, in pixels, that are multiples of this."""

    def check_input(self, preprocess: PreprocessSpec) -> None:
        """Refuse preprocessing that makes images which the network cannot read.

        Raises:
            RecipeError: If height or widths do not fit.
        """
        if preprocess.height != self.height:
            raise RecipeError(f"the network is for height {self.height}, its images get {preprocess.height}")
        if preprocess.width_multiple % self.width_multiple:
            raise RecipeError(
                f"the network reads widths in multiples of {self.width_multiple}, "
                f"width_multiple is {preprocess.width_multiple}"
            )


@dataclass(frozen=True, kw_only=True)
class TrainOutput:
    """What a network returns in training."""

    logits: Tensor
    """Logits of the CTC head, (n, w / stride, classes)."""
    auxiliary: Mapping[str, Tensor] = field(default_factory=dict)
    """Logits of auxiliary CTC heads by name, shaped like ``logits``; empty where the network has none."""
    context: Tensor
    """Visual features (n, w / stride, d) for a Textual Context Module, ``TextualContext``."""


class Recogniser(nn.Module, ABC):
    """A network that reads lines.

    ``forward`` maps images float32 (n, 1, height, w) to logits float32 (n, w / stride, classes), blank first.
    """

    config: NetworkConfig

    @abstractmethod
    def forward_train(self, images: Tensor) -> TrainOutput:
        """Return the logits together with what auxiliary losses read."""
