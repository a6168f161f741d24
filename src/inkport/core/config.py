"""Strict conversion between plain data (TOML, JSON) and frozen dataclasses.

Unknown keys, missing keys and wrong types are errors that name the place; nothing is coerced except int to
float. Numbers are finite and have at most 64 bits. Supported field types: ``int float str bool Path Any``, string
enums, dataclasses, ``X | None``, ``tuple[X, ...]`` and ``Mapping[str, X]``.
"""

from __future__ import annotations

import dataclasses
import difflib
import enum
import math
import os
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from inkport.core.errors import RecipeError, UsageError


LARGEST = 2**63 - 1
"""Largest integer that TOML promises to carry, and that the libraries we hand numbers to can take."""
LARGEST_SEED = 2**32 - 1
"""Largest seed that every generator takes: numpy's older ones take no other, and sums of a larger one overflow."""
MOST_THREADS = 1024
"""Most threads or processes that anything may ask for: two of today's largest processors have 768. Engines take such a
number as it is, and allocate for it."""


SPARSE: Mapping[str, bool] = types.MappingProxyType({"sparse": True})
"""Metadata of a field that ``to_plain`` leaves out at its default: it is younger than what others keep digests of."""


def require_threads(threads: int, name: str = "threads") -> None:
    """Refuse a number of threads or processes that nothing can run.

    Raises:
        UsageError: If it is not 1 to ``MOST_THREADS``.
    """
    if threads < 1:
        raise UsageError(f"{name} must be at least 1, found {threads}")
    if threads > MOST_THREADS:
        raise UsageError(f"{name} must be at most {MOST_THREADS:,}, found {threads}")


def require_seed(seed: int) -> None:
    """Refuse a seed that not every generator takes.

    Raises:
        RecipeError: If it is not 0 to ``LARGEST_SEED``.
    """
    if not 0 <= seed <= LARGEST_SEED:
        raise RecipeError(f"seed must be at least 0 and at most {LARGEST_SEED:,}, found {seed}")


T = TypeVar("T")


def parse_config(cls: type[T], data: object, *, where: str) -> T:
    """Build dataclass ``cls`` from a mapping.

    Args:
        cls: A dataclass type.
        data: What TOML or JSON gave.
        where: Name of the file or section, for errors.

    Raises:
        RecipeError: If a key is unknown or missing, or a value has the wrong type or is out of range.
    """
    if not isinstance(data, Mapping):
        raise RecipeError(f"{where}: expected a table, found {type(data).__name__}")
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}  # type: ignore[arg-type]
    for key in data:
        if key not in fields:
            near = difflib.get_close_matches(str(key), fields, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(sorted(fields))}"
            raise RecipeError(f"{where}: unknown key {key!r}", remedy=hint)
    hints = typing.get_type_hints(cls)
    values = {key: _value(hints[key], value, f"{where}.{key}") for key, value in data.items()}
    for name, f in fields.items():
        required = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        if required and name not in values:
            raise RecipeError(f"{where}: the key {name!r} is missing")
    return cls(**values)


def _value(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (types.UnionType, typing.Union):
        inner = next(a for a in arguments if a is not type(None))
        return None if value is None else _value(inner, value, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise _wrong(where, "a list", value)
        return tuple(_value(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is Mapping:
        if not isinstance(value, Mapping):
            raise _wrong(where, "a table", value)
        return {str(key): _value(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    if dataclasses.is_dataclass(hint):
        return parse_config(typing.cast("type[Any]", hint), value, where=where)
    return _scalar(hint, value, where)


def _scalar(hint: Any, value: Any, where: str) -> Any:
    if issubclass(hint, enum.Enum):
        choices = [str(member.value) for member in hint]
        if value not in choices:
            raise _wrong(where, f"one of {', '.join(choices)}", value)
        return hint(value)
    if hint is Path:
        return Path(_path(_scalar(str, value, where), where))
    if type(value) is int and abs(value) > LARGEST:
        raise _wrong(where, hint.__name__, value)
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise _wrong(where, hint.__name__, value)
    if hint is float and not math.isfinite(value):
        # No range check catches NaN, and a limit at infinity checks nothing.
        raise _wrong(where, "float" if math.isnan(value) else "a finite float", value)
    return value


def _path(text: str, where: str) -> str:
    try:
        known = b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        known = False
    if not text or not known:
        raise _wrong(where, "a path", text)
    return text


def _wrong(where: str, expected: str, value: object) -> RecipeError:
    # Python refuses to print integers of more than 4,300 digits.
    long = type(value) is int and abs(value) > LARGEST
    return RecipeError(f"{where}: expected {expected}, found {'a number beyond 64 bits' if long else repr(value)}")


def to_plain(value: Any) -> Any:
    """Return ``value`` as JSON-ready data: dataclasses become dicts, tuples lists, paths and enums strings.

    A field with ``SPARSE`` metadata is left out at its default.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = ((f, getattr(value, f.name)) for f in dataclasses.fields(value))
        return {f.name: to_plain(found) for f, found in pairs if not (f.metadata.get("sparse") and found == f.default)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Path):
        return value.as_posix()
    return value
