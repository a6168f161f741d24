"""Networks by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from inkport.core.config import parse_config
from inkport.core.documents import shorten
from inkport.core.errors import RecipeError
from inkport.model import convtext, crnn, htr_convtext, htr_vt, ppocr, resnet
from inkport.model.recogniser import NetworkConfig, Recogniser


C = TypeVar("C", bound=NetworkConfig)

COUNTS = ("blocks", "depth", "depths", "layers")
"""Settings that say how many layers there are."""
MOST_LAYERS = 200
"""Largest sum of such a setting; the deepest of ours has 8. Laying out a layer takes ten milliseconds."""
MOST_WIDTH = 65_536
"""Largest number in any other setting; the widest of ours has 1024 channels."""
MOST_WIDTHS = 10_000
"""Longest list in a setting."""
MOST_VALUES = 500_000_000
"""Most values of a network, 2 GB of them; the largest of ours has 54 million."""


@dataclass(frozen=True, kw_only=True)
class Entry(Generic[C]):
    """How a named network is made."""

    network: Callable[[C], Recogniser]
    """Makes it from its configuration."""
    config: type[C]
    """Its configuration."""
    stride: int
    """Input columns per frame."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings that differ from the configuration's defaults."""

    def configure(self, name: str, classes: int, overrides: Mapping[str, Any]) -> C:
        """Return the configuration with overrides.

        Args:
            name: For errors.
            classes: Classes of the CTC head, blank included.
            overrides: Fields of ``config`` to change.

        Raises:
            RecipeError: If a field is unknown, or a value has the wrong type or does not fit.
        """
        _check_sizes(name, overrides)
        settings = {**self.settings, **overrides, "classes": classes}
        return parse_config(self.config, settings, where=f"model {name}")

    def plan(self, name: str, classes: int, overrides: Mapping[str, Any]) -> Mapping[str, Tensor]:
        """Return the network's state with shapes and types but no values, which takes no memory.

        Arguments are those of ``configure``.

        Raises:
            RecipeError: What ``configure`` raises; or if the network cannot be built, or is too large.
        """
        config = self.configure(name, classes, overrides)
        try:
            with torch.device("meta"):
                state = self.network(config).state_dict()
        except (RuntimeError, ValueError, TypeError, OverflowError) as error:
            raise RecipeError(f"model {name}: cannot be built ({str(error).splitlines()[0]})") from error
        if (count := sum(tensor.numel() for tensor in state.values())) > MOST_VALUES:
            raise RecipeError(f"model {name}: has {count} values, at most {MOST_VALUES} are built")
        return state

    def build(self, name: str, classes: int, overrides: Mapping[str, Any]) -> Recogniser:
        """Return the network with fresh weights; arguments and errors are those of ``plan``."""
        self.plan(name, classes, overrides)
        return self.network(self.configure(name, classes, overrides))


def _check_sizes(name: str, settings: Mapping[str, Any]) -> None:
    """Refuse settings whose network would take hours to lay out; what kind of value a field takes is asked later.

    Raises:
        RecipeError: If a number or a list of them is too large.
    """
    for key, value in settings.items():
        numbers = (
            [*value.values()] if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else [value]
        )
        sizes = [abs(number) for number in numbers if isinstance(number, int | float)]
        most, found = (MOST_LAYERS, sum(sizes)) if key in COUNTS else (MOST_WIDTH, max(sizes, default=0))
        if found > most or len(numbers) > MOST_WIDTHS:
            raise RecipeError(f"model {name}: {key} is {shorten(value)}, more than networks here are made for ({most})")


def _family(**settings: object) -> Entry[convtext.ConvTextConfig]:
    return Entry(network=convtext.ConvText, config=convtext.ConvTextConfig, stride=convtext.STRIDE, settings=settings)


NETWORKS: Mapping[str, Entry[Any]] = {
    "convtext": Entry(network=htr_convtext.HtrConvText, config=htr_convtext.HtrConvTextConfig, stride=resnet.STRIDE),
    "convtext-base": _family(
        stem=48, channels=(128, 192, 256), blocks=(2, 2, 2), dim=256, heads=4, hidden=1024, depth=8, dropout=0.1
    ),
    "convtext-small": _family(
        stem=32, channels=(96, 128, 192), blocks=(1, 2, 1), dim=192, heads=4, hidden=384, depth=3
    ),
    "convtext-tiny": _family(),
    "crnn": Entry(network=crnn.Crnn, config=crnn.CrnnConfig, stride=crnn.STRIDE),
    "htr-vt": Entry(network=htr_vt.HtrVt, config=htr_vt.HtrVtConfig, stride=resnet.STRIDE),
    "ppocr-small": Entry(network=ppocr.PpOcr, config=ppocr.PpOcrConfig, stride=ppocr.STRIDE),
}
"""Known networks; ``docs/networks.md`` describes them."""


def find(name: str) -> Entry[Any]:
    """Return the entry of a network.

    Raises:
        RecipeError: If the name is unknown.
    """
    if name not in NETWORKS:
        raise RecipeError(f"network {name!r} is unknown", remedy=f"known networks: {', '.join(sorted(NETWORKS))}")
    return NETWORKS[name]


def plan(name: str, classes: int, overrides: Mapping[str, Any]) -> Mapping[str, Tensor]:
    """Return a network's state without values; arguments and errors are those of ``build``."""
    return find(name).plan(name, classes, overrides)


def build(name: str, classes: int, overrides: Mapping[str, Any]) -> Recogniser:
    """Build a network with fresh weights.

    Args:
        name: One of ``NETWORKS``.
        classes: Classes of the CTC head, blank included.
        overrides: Fields of the network's configuration to change.

    Raises:
        RecipeError: If the name or a field is unknown, a value has the wrong type or does not fit, or the network is
            too large.
    """
    return find(name).build(name, classes, overrides)
