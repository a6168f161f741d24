"""Changing single keys of a recipe without another file."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from inkport.core.errors import RecipeError


def parse_overrides(assignments: Iterable[str]) -> dict[str, Any]:
    """Return the nested tables that assignments such as ``distil.frame = 0.5`` make, values written as in TOML.

    Raises:
        RecipeError: If one is no assignment, or two contradict each other.
    """
    merged: dict[str, Any] = {}
    for text in assignments:
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise RecipeError(
                f"--set {text}: not an assignment in TOML ({error})",
                remedy="write key=value, strings in double quotes: --set 'optim.optimiser=\"muon\"'",
            ) from error
        merged = merge(merged, table)
    return merged


def merge(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with the values of ``overrides``: tables are merged, anything else is replaced.

    A key of ``overrides`` with dots in it names a nested key.
    """
    merged = dict(base)
    for name, value in overrides.items():
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
