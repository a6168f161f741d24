"""Damage to parsed documents, JSON and TOML: it stays valid text, so it reaches what comes after the parser."""

from __future__ import annotations

import json
import math
import tomllib
from copy import deepcopy
from typing import Any

from campaign.damage import LONG, ODD_TEXT, Rng, pick


DEEP = "@deep@"
"""Stands for a value nested so deeply that a recursive parser overflows; put in as text."""
DEPTHS = (50, 3000, 100_000)
ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**63, 2**64, 10**400, 0.5, -0.5, 1e308, math.nan, math.inf, -math.inf,
    "", " ", "0", "true", "x" * LONG, "/", "..", "a\0b", "\ud800", [], {}, [[]], [None], {"": None}, DEEP,
)  # fmt: skip
"""Values of every kind, most of them out of range for whatever stands there."""

Place = tuple[Any, Any]
"""A container and the key or index in it."""


def places(tree: Any) -> list[Place]:
    """Return every place of a value within ``tree``."""
    found: list[Place] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        entries = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, value in entries:
            found.append((node, key))
            waiting.append(value)
    return found


def odd_value(rng: Rng) -> Any:
    """Return one of ``ODD_VALUES``; a copy, for the next change may be within it."""
    return deepcopy(pick(rng, ODD_VALUES))


def change(tree: Any, rng: Rng) -> Any:
    """Return ``tree``, changed in place, or another value for it altogether."""
    found = places(tree)
    if not found or rng.random() < 0.03:
        return odd_value(rng)
    node, key = pick(rng, found)
    kind = int(rng.integers(7))
    if kind == 0:
        del node[key]
    elif kind == 1 and isinstance(node, dict):
        node[pick(rng, ("extra", str(key) + "s", *ODD_TEXT))] = odd_value(rng)
    elif kind == 2:
        other, place = pick(rng, found)
        node[key] = deepcopy(other[place])
    elif kind == 3 and isinstance(node[key], list | str):
        node[key] = deepcopy(node[key]) * int(pick(rng, (0, 2, 3)))
    elif kind == 4 and type(node[key]) in {int, float}:
        node[key] = pick(rng, (-node[key], node[key] * 2, node[key] + 1, node[key] // 3, str(node[key])[:20]))
    else:
        node[key] = odd_value(rng)
    return tree


def damage_json(data: bytes, rng: Rng) -> bytes:
    """Change a JSON document in one to three places."""
    tree = json.loads(data)
    for _ in range(int(rng.integers(1, 4))):
        tree = change(tree, rng)
    text = json.dumps(tree, ensure_ascii=rng.random() < 0.5)
    if rng.random() < 0.05 and isinstance(tree, dict) and tree:
        # The same key once more, which Python's parser takes without a word.
        key = pick(rng, list(tree))
        text = text[:-1] + f", {json.dumps(key)}: {json.dumps(odd_value(rng))}}}"
    return _deepen(text, rng).encode("utf-8", errors="surrogatepass")


def damage_jsonl(data: bytes, rng: Rng) -> bytes:
    """Change one row of a JSONL file."""
    rows = data.splitlines()
    place = int(rng.integers(len(rows)))
    rows[place] = damage_json(rows[place], rng)
    return b"\n".join(rows) + b"\n"


def damage_toml(data: bytes, rng: Rng) -> bytes:
    """Change a TOML document in one to three places; comments and layout are lost."""
    tree: Any = tomllib.loads(data.decode())
    for _ in range(int(rng.integers(1, 4))):
        changed = change(tree, rng)
        tree = changed if isinstance(changed, dict) else tree
    text = "".join(f"{_key(key)} = {to_toml(value)}\n" for key, value in tree.items())
    if rng.random() < 0.05:
        text += text.splitlines(keepends=True)[0] if text else "x"
    return _deepen(text, rng).encode("utf-8", errors="surrogatepass")


def to_toml(value: Any) -> str:
    """Return a value as TOML, tables inline; what TOML lacks becomes a word that is not TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)} = {to_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(to_toml, value)) + "]"
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, float):
        return repr(value)
    return str(value) if isinstance(value, int) else json.dumps(value)


def _key(key: Any) -> str:
    return json.dumps(str(key))


def _deepen(text: str, rng: Rng) -> str:
    depth = int(pick(rng, DEPTHS))
    opening, closing = pick(rng, (("[", "]"), ('{"a":', "}"))) if "=" not in text else ("[", "]")
    return text.replace(json.dumps(DEEP), opening * depth + "1" + closing * depth)
