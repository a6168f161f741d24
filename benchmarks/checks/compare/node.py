"""A part of a JSON document whose members are asked for by type; what does not fit is an error that names the place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from inkport.core.errors import DataError


Choice = TypeVar("Choice", bound=StrEnum)


class Node:
    """A JSON object; members that nobody asks for may be there.

    Args:
        value: What JSON gave.
        where: Its place in the document, for errors.

    Raises:
        DataError: If it is not an object; each method raises the same if its member is missing or of another type.
    """

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, Mapping):
            raise _wrong(where, "an object", value)
        self.value: Mapping[str, Any] = value
        self.where = where

    def any(self, key: str) -> Any:
        """Return a member of any type."""
        if key not in self.value:
            raise DataError(f"{self.where}: {key!r} is missing", remedy="pass a whole report.json of `inkport verify`")
        return self.value[key]

    def has(self, key: str) -> bool:
        """Return whether there is such a member that is not null."""
        return self.value.get(key) is not None

    def text(self, key: str) -> str:
        """Return a string."""
        return str(self._typed(key, "text", lambda v: isinstance(v, str)))

    def flag(self, key: str) -> bool:
        """Return true or false."""
        return bool(self._typed(key, "true or false", lambda v: isinstance(v, bool)))

    def number(self, key: str) -> float:
        """Return a number."""
        return float(self._typed(key, "a number", _is_number))

    def positive(self, key: str) -> float:
        """Return a number above 0."""
        number = self.number(key)
        if not 0 < number < float("inf"):
            raise _wrong(f"{self.where}.{key}", "a number above 0", number)
        return number

    def interval(self, key: str) -> tuple[float, float] | None:
        """Return two numbers; None where the member or one of them is missing or null."""
        if not self.has(key):
            return None
        low, high = self._typed(key, "two numbers or null", lambda v: _is_list(v, _is_number_or_null) and len(v) == 2)
        return None if low is None or high is None else (float(low), float(high))

    def integer(self, key: str) -> int:
        """Return a whole number."""
        return int(self._typed(key, "a whole number", _is_integer))

    def integers(self, key: str) -> tuple[int, ...]:
        """Return whole numbers."""
        return tuple(self._typed(key, "whole numbers", lambda v: _is_list(v, _is_integer)))

    def gaps(self, key: str) -> tuple[int | None, ...]:
        """Return whole numbers, some of which may be missing."""
        return tuple(self._typed(key, "whole numbers or null", lambda v: _is_list(v, _is_integer_or_null)))

    def choice(self, key: str, choices: type[Choice]) -> Choice:
        """Return one of some words."""
        word = self.text(key)
        if word not in {str(choice) for choice in choices}:
            raise _wrong(f"{self.where}.{key}", f"one of {', '.join(choices)}", word)
        return choices(word)

    def child(self, key: str) -> Node:
        """Return an object."""
        return Node(self.any(key), f"{self.where}.{key}")

    def maybe(self, key: str) -> Node | None:
        """Return an object, or None where it is missing or null."""
        return self.child(key) if self.has(key) else None

    def children(self, key: str) -> list[Node]:
        """Return a list of objects."""
        items = self._typed(key, "a list", lambda v: isinstance(v, list))
        return [Node(item, f"{self.where}.{key}[{index}]") for index, item in enumerate(items)]

    def _typed(self, key: str, expected: str, fits: Callable[[Any], bool]) -> Any:
        value = self.any(key)
        if not fits(value):
            raise _wrong(f"{self.where}.{key}", expected, value)
        return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value  # noqa: PLR0124 - NaN


def _is_number_or_null(value: object) -> bool:
    return value is None or _is_number(value)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_integer_or_null(value: object) -> bool:
    return value is None or _is_integer(value)


def _is_list(value: object, fits: Callable[[object], bool]) -> bool:
    return isinstance(value, list) and all(fits(item) for item in value)


def _wrong(where: str, expected: str, value: object) -> DataError:
    return DataError(f"{where}: expected {expected}, found {str(value)[:60]!r}")
