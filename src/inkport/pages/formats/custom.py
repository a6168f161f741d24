"""The ``custom`` attribute of PAGE, as Transkribus and eScriptorium write it: ``name {key:value;} name {}``."""

from __future__ import annotations

import re


_PART = re.compile(r"([\w-]+)\s*\{([^{}]*)\}")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_SPECIAL = re.compile(r"[{}:;\\]")


def read_custom(text: str | None) -> dict[str, dict[str, str]]:
    """Return the properties in an attribute by name; of equal names the first."""
    found: dict[str, dict[str, str]] = {}
    for name, body in _PART.findall(text or ""):
        pairs = (item.partition(":") for item in body.split(";") if ":" in item)
        found.setdefault(name, {key.strip(): _unescaped(value.strip()) for key, _, value in pairs})
    return found


def write_custom(properties: dict[str, dict[str, str]]) -> str:
    """Return an attribute; its structure's own symbols become escapes in values, as Transkribus writes them."""
    return " ".join(
        f"{name} {{{' '.join(f'{key}:{_escaped(value)};' for key, value in values.items())}}}"
        for name, values in properties.items()
    )


def _escaped(value: str) -> str:
    return _SPECIAL.sub(lambda match: f"\\u{ord(match[0]):04x}", value)


def _unescaped(value: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), value)
