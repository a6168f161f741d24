"""Whose works a recogniser descends from, where their licences ask to be named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


ATTRIBUTION = "attribution"
"""Key of a list of sentences in a provenance."""


def attributions(provenance: Any) -> tuple[str, ...]:
    """Return every attribution in a provenance, at any depth, each once, in the order in which they stand."""
    return tuple(dict.fromkeys(_found(provenance)))


def _found(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == ATTRIBUTION and isinstance(item, list | tuple):
                yield from (sentence for sentence in item if isinstance(sentence, str))
            else:
                yield from _found(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _found(item)
