"""Changing single keys of a recipe without another file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from inkport.core.documents import DEPTH, parse_toml, shorten
from inkport.core.errors import RecipeError


ASSIGNMENT = "write key=value, strings in double quotes: --set 'optim.optimiser=\"muon\"'"
"""How an override is written."""


def parse_overrides(assignments: Iterable[str]) -> dict[str, Any]:
    """Return the nested tables that assignments such as ``distil.frame = 0.5`` make, values written as in TOML.

    Raises:
        RecipeError: If one is not an assignment, or two contradict each other.
    """
    merged: dict[str, Any] = {}
    for text in assignments:
        table = parse_toml(text, where=f"--set {text}: not an assignment", remedy=ASSIGNMENT)
        merged = merge(merged, table)
    return merged


def merge(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with the values of ``overrides``: tables are merged, anything else is replaced.

    A key of ``overrides`` with dots in it names a nested key.

    Raises:
        RecipeError: If such a key has more than ``DEPTH`` dots.
    """
    merged = dict(base)
    for name, value in overrides.items():
        if name.count(".") > DEPTH:
            raise RecipeError(f"the key {shorten(name)} is nested deeper than {DEPTH} levels")
        key, _, rest = name.partition(".")
        nested = {rest: value} if rest else value
        if isinstance(nested, Mapping):
            below = merged.get(key)
            nested = merge(below if isinstance(below, Mapping) else {}, nested)
        merged[key] = nested
    return merged


def write_overrides(overrides: Mapping[str, Any], *, prefix: str = "") -> list[str]:
    """Return the assignments from which ``parse_overrides`` makes ``overrides``, a nested table."""
    found: list[str] = []
    for key, value in overrides.items():
        if isinstance(value, Mapping):
            found += write_overrides(value, prefix=f"{prefix}{key}.")
        else:
            found.append(f"{prefix}{key}={json.dumps(value, ensure_ascii=False)}")
    return found
