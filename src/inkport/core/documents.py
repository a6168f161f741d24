"""Reading JSON and TOML that may have been damaged, or made to harm: the one place where either is parsed.

What the parsers let through and our code could not stand is refused here: numbers that fit no machine, infinity,
NaN, nesting without end, a key that appears twice, text that cannot be written again.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from inkport.core.errors import DataError, InkportError, RecipeError
from inkport.core.reading import read_bytes


JSON_BYTES = 64 << 20
"""Largest JSON document: a report has about 0.5 kB per line, so this is one of 100,000 lines."""
JSON_VALUES = 4_000_000
"""Most values of a JSON document: an empty list takes three bytes in the file and sixty in memory."""
TOML_BYTES = 512 << 10
"""Largest TOML document; the parser is in Python, and a targets file of a thousand rows has 200 kB."""
DEPTH = 200
"""Deepest nesting of tables and lists. Weights carry the provenance of those that they started from: ten rounds are
24 deep. Code that walks documents is recursive, and Python gives up at 1,000."""
INTEGERS = range(-(2**63), 2**63)
"""Integers that a document may hold: what TOML allows, and what fits numpy."""

# Names between dots: the parser takes a time that grows faster than their number squared, a minute for 50,000.
_LONG_KEY = re.compile(r"""(?:\.\s*+(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')\s*+){200}""")


def read_json(path: Path, *, error: type[InkportError] = DataError, remedy: str = "") -> Any:
    """Return the content of a JSON file.

    Args:
        path: The file.
        error: What to raise.
        remedy: What it tells the user to do.

    Raises:
        InkportError: ``error``, if the file cannot be read, is not UTF-8 or JSON, or goes beyond a limit above.
    """
    try:
        data = read_bytes(path, limit=JSON_BYTES)
    except OSError as cause:
        raise error(f"{path}: cannot be read ({cause})", remedy=remedy) from cause
    return parse_json(data, where=str(path), error=error, remedy=remedy)


def parse_json(data: bytes | str, *, where: str, error: type[InkportError] = DataError, remedy: str = "") -> Any:
    """Return the content of a JSON document.

    Args:
        data: The document.
        where: Names it in errors.
        error: As in ``read_json``.
        remedy: As in ``read_json``.

    Raises:
        InkportError: ``error``, if it is not UTF-8 or JSON, or goes beyond a limit above.
    """
    try:
        return _guarded(data, _parse_json, JSON_BYTES)
    except ValueError as cause:
        raise error(f"{where}: not readable as JSON ({cause})", remedy=remedy) from cause


def read_toml(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file.

    Raises:
        RecipeError: If it cannot be read, is not UTF-8 or TOML, or goes beyond a limit above.
    """
    try:
        data = read_bytes(path, limit=TOML_BYTES)
    except OSError as cause:
        raise RecipeError(f"{path}: cannot be read ({cause})") from cause
    return parse_toml(data, where=str(path))


def parse_toml(data: bytes | str, *, where: str, remedy: str = "") -> dict[str, Any]:
    """Return the content of a TOML document.

    Args:
        data: The document.
        where: Names it in errors.
        remedy: What an error tells the user to do.

    Raises:
        RecipeError: If it is not UTF-8 or TOML, or goes beyond a limit above.
    """
    try:
        found: dict[str, Any] = _guarded(data, _parse_toml, TOML_BYTES)
    except ValueError as cause:
        raise RecipeError(f"{where}: not valid TOML ({cause})", remedy=remedy) from cause
    return found


def _guarded(data: bytes | str, parse: Callable[[str], Any], limit: int) -> Any:
    if len(data) > limit:
        raise ValueError(f"larger than {limit} bytes")
    text = data.decode("utf-8") if isinstance(data, bytes) else data
    try:
        value = parse(text)
    except RecursionError as cause:
        raise ValueError(f"nested deeper than {DEPTH} levels") from cause
    _check(value)
    return value


def _parse_json(text: str) -> Any:
    if (values := sum(text.count(sign) for sign in "[{,")) > JSON_VALUES:
        raise ValueError(f"{values} values, at most {JSON_VALUES} are read")
    return json.loads(text, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {shorten(twice)} appears twice")
    return found


def _parse_toml(text: str) -> dict[str, Any]:
    if _LONG_KEY.search(text):
        raise ValueError(f"nested deeper than {DEPTH} levels")
    return tomllib.loads(text)


def _check(root: Any) -> None:
    """Refuse what no document of ours holds, level by level."""
    if not isinstance(root, dict | list):
        if fault := _fault(root):
            raise ValueError(fault)
        return
    level: list[Any] = [root]
    for _ in range(DEPTH):
        below: list[Any] = []
        for table in level:
            for key, item in table.items() if isinstance(table, dict) else enumerate(table):
                if isinstance(item, dict | list):
                    below.append(item)
                elif fault := _fault(item):
                    raise ValueError(f"{_place(root, table, key)}: {fault}")
                if isinstance(key, str) and (fault := _text_fault(key)):
                    raise ValueError(fault)
        if not below:
            return
        level = below
    raise ValueError(f"nested deeper than {DEPTH} levels")


def _place(root: Any, table: Any, key: str | int) -> str:
    """Return where in a document a value is, as in ``target[0].budget``."""
    waiting: list[tuple[Any, str]] = [(root, "")]
    for node, place in waiting:
        named = isinstance(node, dict)
        if node is table:
            return f"{place}.{key}".lstrip(".") if named else f"{place}[{key}]"
        for name, item in node.items() if named else enumerate(node):
            if isinstance(item, dict | list):
                waiting.append((item, f"{place}.{name}".lstrip(".") if named else f"{place}[{name}]"))
    return str(key)


def _fault(item: Any) -> str | None:
    """Return what is wrong with a value that is neither table nor list."""
    if isinstance(item, str):
        return _text_fault(item)
    if item is None or isinstance(item, bool):
        return None
    if isinstance(item, int):
        return None if item in INTEGERS else f"the integer {shorten(item)} has more than 64 bits"
    if isinstance(item, float):
        expected = "float" if math.isnan(item) else "a finite float"
        return None if math.isfinite(item) else f"expected {expected}, found {item}"
    return f"a {type(item).__name__}, which no setting is"


def _text_fault(text: str) -> str | None:
    if "\0" in text:
        return f"the text {shorten(text)} holds a NUL character"
    if not text.isascii() and any("\ud800" <= symbol <= "\udfff" for symbol in text):
        return f"the text {shorten(text)} holds half of a surrogate pair"
    return None


def shorten(value: object, *, most: int = 80) -> str:
    """Return the ``repr`` of a value for an error's sentence, cut in the middle if it is long."""
    try:
        text = repr(value)
    except ValueError:  # an integer with more digits than Python writes
        return "of thousands of digits"
    return text if len(text) <= most else f"{text[: most // 2]}...{text[-most // 4 :]}"
