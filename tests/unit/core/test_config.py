"""Strict parsing: every mistake is named with its place, nothing is coerced except int to float."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from inkport.core.config import parse_config, to_plain
from inkport.core.errors import RecipeError


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, kw_only=True)
class Inner:
    rate: float
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Outer:
    steps: int
    inner: Inner
    colour: Colour = Colour.RED
    limit: float | None = None
    path: Path = Path("here")
    debug: bool = False
    rows: tuple[Inner, ...] = ()
    tools: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


FULL = {
    "steps": 3,
    "inner": {"rate": 1, "names": ["a", "b"]},
    "colour": "blue",
    "limit": 0.5,
    "path": "there/x",
    "debug": True,
    "rows": [{"rate": 0.5}],
    "tools": {"torch": "2"},
    "options": {"anything": [1, None]},
}


def test_every_supported_type_is_parsed():
    assert parse_config(Outer, FULL, where="f") == Outer(
        steps=3,
        inner=Inner(rate=1.0, names=("a", "b")),
        colour=Colour.BLUE,
        limit=0.5,
        path=Path("there/x"),
        debug=True,
        rows=(Inner(rate=0.5),),
        tools={"torch": "2"},
        options={"anything": [1, None]},
    )


def test_an_int_becomes_a_float_where_a_float_is_wanted():
    parsed = parse_config(Inner, {"rate": 2}, where="f")
    assert isinstance(parsed.rate, float)


def test_plain_data_parses_back_to_the_same_value():
    value = parse_config(Outer, FULL, where="f")
    assert parse_config(Outer, to_plain(value), where="f") == value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": "3"}, r"f\.steps: expected int, found '3'"),
        ({"steps": 3.0}, r"f\.steps: expected int"),
        ({"steps": True}, r"f\.steps: expected int, found True"),
        ({"debug": 1}, r"f\.debug: expected bool"),
        ({"limit": "x"}, r"f\.limit: expected float"),
        ({"limit": float("nan")}, r"f\.limit: expected float, found nan"),
        ({"limit": float("inf")}, r"f\.limit: expected a finite float, found inf"),
        ({"inner": {"rate": float("-inf")}}, r"f\.inner\.rate: expected a finite float, found -inf"),
        ({"limit": 10**400}, r"f\.limit: expected float, found a number beyond 64 bits"),
        ({"steps": 2**63}, r"f\.steps: expected int, found a number beyond 64 bits"),
        ({"path": 16**5000}, r"f\.path: expected str, found a number beyond 64 bits"),
        ({"path": ""}, r"f\.path: expected a path, found ''"),
        ({"path": "a\0b"}, r"f\.path: expected a path, found 'a\\x00b'"),
        ({"path": "\ud800"}, r"f\.path: expected a path, found '\\ud800'"),
        ({"limit": True}, r"f\.limit: expected float"),
        ({"colour": "green"}, r"f\.colour: expected one of red, blue, found 'green'"),
        ({"path": 3}, r"f\.path: expected str"),
        ({"inner": 3}, r"f\.inner: expected a table, found int"),
        ({"inner": {"rate": 1, "names": "ab"}}, r"f\.inner\.names: expected a list"),
        ({"inner": {"rate": 1, "names": ["a", 1]}}, r"f\.inner\.names\[1\]: expected str"),
        ({"rows": [{"rate": 1}, {"rate": "x"}]}, r"f\.rows\[1\]\.rate: expected float"),
        ({"inner": {}}, r"f\.inner: the key 'rate' is missing"),
        ({"tools": ["torch"]}, r"f\.tools: expected a table"),
        ({"tools": {"torch": 2}}, r"f\.tools\.torch: expected str"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(change, message):
    with pytest.raises(RecipeError, match=message):
        parse_config(Outer, {**FULL, **change}, where="f")


def test_a_misspelt_key_gets_a_suggestion():
    with pytest.raises(RecipeError, match=r"f\.inner: unknown key 'rat'\nfix: did you mean 'rate'\?"):
        parse_config(Outer, {"steps": 1, "inner": {"rat": 1}}, where="f")


def test_an_unknown_key_far_from_all_gets_the_list():
    with pytest.raises(RecipeError, match="known keys: names, rate"):
        parse_config(Inner, {"rate": 1, "zzzzzz": 1}, where="f")
