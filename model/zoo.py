"""Networks by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inkport.core.config import parse_config
from inkport.core.errors import RecipeError
from inkport.model.convtext import ConvText, ConvTextConfig


NETWORKS: Mapping[str, Mapping[str, Any]] = {"convtext-tiny": {}}
"""Known names, each with the settings that differ from ``ConvTextConfig``'s defaults."""


def build(name: str, classes: int, overrides: Mapping[str, Any]) -> ConvText:
    """Build a network with fresh weights.

    Args:
        name: One of ``NETWORKS``.
        classes: Classes of the CTC head, blank included.
        overrides: Fields of ``ConvTextConfig`` to change.

    Raises:
        RecipeError: If the name or a field is unknown, or a value has the wrong type.
    """
    settings = {**_settings(name), **overrides, "classes": classes}
    return ConvText(parse_config(ConvTextConfig, settings, where=f"model {name}"))


def _settings(name: str) -> Mapping[str, Any]:
    if name not in NETWORKS:
        raise RecipeError(f"network {name!r} is unknown", remedy=f"known networks: {', '.join(sorted(NETWORKS))}")
    return NETWORKS[name]
