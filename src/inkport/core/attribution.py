"""Whose works a recogniser descends from, and on what terms: what weights and all that they descend from say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


LICENCE = "licence"
"""Key, at any depth of a provenance, of what whoever uses the weights has to keep to."""
ATTRIBUTION = "attribution"
"""Key of whom to credit."""


def told_in(provenance: Any, key: str) -> str:
    """Return what weights and all that they descend from say under a key: each text once, the nearest first."""
    texts: dict[str, None] = {}

    def walk(value: Any) -> None:
        if isinstance(value, Mapping):
            if isinstance(text := value.get(key), str) and text:
                texts.setdefault(text)
            for inner in value.values():
                walk(inner)
        elif isinstance(value, (list, tuple)):
            for inner in value:
                walk(inner)

    walk(provenance)
    return "; ".join(texts)


def credits_of(provenance: Mapping[str, Any]) -> dict[str, str]:
    """Return what weights say of licence and attribution, by these keys; what they do not say is left out."""
    told = {key: told_in(provenance, key) for key in (LICENCE, ATTRIBUTION)}
    return {key: text for key, text in told.items() if text}
