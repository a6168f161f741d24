"""Networks by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from inkport.core.config import parse_config
from inkport.core.errors import RecipeError
from inkport.model import convtext, crnn, htr_convtext, htr_vt, resnet
from inkport.model.recogniser import NetworkConfig, Recogniser


C = TypeVar("C", bound=NetworkConfig)


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
        settings = {**self.settings, **overrides, "classes": classes}
        return parse_config(self.config, settings, where=f"model {name}")

    def build(self, name: str, classes: int, overrides: Mapping[str, Any]) -> Recogniser:
        """Return the network with fresh weights; arguments and errors are those of ``configure``."""
        return self.network(self.configure(name, classes, overrides))


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


def build(name: str, classes: int, overrides: Mapping[str, Any]) -> Recogniser:
    """Build a network with fresh weights.

    Args:
        name: One of ``NETWORKS``.
        classes: Classes of the CTC head, blank included.
        overrides: Fields of the network's configuration to change.

    Raises:
        RecipeError: If the name or a field is unknown, or a value has the wrong type or does not fit.
    """
    return find(name).build(name, classes, overrides)
