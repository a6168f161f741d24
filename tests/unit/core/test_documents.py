"""JSON and TOML from anywhere: what our code could not stand is an error of ours that names the place."""

from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import given, settings, strategies as st

from inkport.core.documents import (
    DEPTH,
    JSON_VALUES,
    TOML_BYTES,
    parse_json,
    parse_toml,
    read_json,
    read_toml,
    shorten,
)
from inkport.core.errors import ArtifactCorruptError, DataError, RecipeError


NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=10,
)


@settings(max_examples=50)
@given(DOCUMENTS)
def test_what_json_writes_is_read_as_it_was(document):
    assert parse_json(json.dumps(document).encode(), where="x") == document
    assert parse_json(json.dumps(document, ensure_ascii=False), where="x") == document


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[" * 100_000, f"nested deeper than {DEPTH} levels"),
        ('{"a":' * 100_000, f"nested deeper than {DEPTH} levels"),
        ("[" * (DEPTH + 1) + "]" * (DEPTH + 1), f"nested deeper than {DEPTH} levels"),
        ('{"a": [0, {"b.c": Infinity}]}', r"a\[1\]\.b\.c: expected a finite float, found inf"),
        ("[NaN]", r"\[0\]: expected float, found nan"),
        ("-1e400", "expected a finite float, found -inf"),
        ('{"a": 1' + "0" * 400 + "}", "a: the integer 1000.*0000 has more than 64 bits"),
        (str(2**63), "has more than 64 bits"),
        ("[" + "1" * 5000 + "]", "digits"),
        ('{"a": 1, "b": 2, "a": 3}', "the key 'a' appears twice"),
        ('{"a": "b\\u0000"}', "a: the text 'b.x00' holds a NUL character"),
        ('{"b\\u0000": 1}', "the text 'b.x00' holds a NUL character"),
        ('["\\ud800"]', "half of a surrogate pair"),
        ("[" + "0," * JSON_VALUES + "0]", f"at most {JSON_VALUES} are read"),
        ("\ufeff{}", "BOM"),
        ("", "Expecting value"),
        ("\0", "Expecting value"),
        ("{} {}", "Extra data"),
    ],
)
def test_json_that_is_refused(text, fault):
    with pytest.raises(ArtifactCorruptError, match=rf"^x: not readable as JSON \(.*{fault}.*\)\nfix: copy it again$"):
        parse_json(text.encode(), where="x", error=ArtifactCorruptError, remedy="copy it again")


@pytest.mark.parametrize("data", [b"\xff\xfe{\0}\0", b'{"a": "\xe9"}', b'{"a": "\xed\xa0\x80"}'])
def test_json_is_utf_8(data):
    with pytest.raises(DataError, match="'utf-8' codec"):
        parse_json(data, where="x")


def test_a_json_file_that_cannot_be_read(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"none\.json: cannot be read"):
        read_json(tmp_path / "none.json")
    with pytest.raises(DataError, match=r"cannot be read .*a folder, not a file"):
        read_json(tmp_path)
    monkeypatch.setattr("inkport.core.documents.JSON_BYTES", 10)
    (tmp_path / "a.json").write_text(json.dumps(list(range(10))))
    with pytest.raises(DataError, match="larger than 10 bytes"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a = inf", "a: expected a finite float, found inf"),
        ("[[t]]\nb = {p = nan}", r"t\[0\]\.b\.p: expected float, found nan"),
        ("a = 1" + "0" * 400, "a: the integer"),
        ("a = 0x" + "f" * 5000, "a: the integer of thousands of digits has more than 64 bits"),
        ("a = " + "1" * 5000, "digits"),
        ("a = " + "[" * 5000, f"nested deeper than {DEPTH} levels"),
        ("a = " + "{a = " * 5000, f"nested deeper than {DEPTH} levels"),
        ('a = "\\u0000"', "holds a NUL character"),
        ("a = 1979-05-27", "a: a date, which no setting is"),
        ("a = 07:32:00", "a: a time, which no setting is"),
        ("a = 1\na = 2", "Cannot overwrite a value"),
        ("#" * (TOML_BYTES + 1), f"larger than {TOML_BYTES} bytes"),
    ],
)
def test_toml_that_is_refused(text, fault):
    with pytest.raises(RecipeError, match=rf"^x: not valid TOML \(.*{fault}"):
        parse_toml(text.encode(), where="x")


@pytest.mark.parametrize(
    "text",
    [
        ".".join(["a"] * 50_000) + " = 1",
        "[" + " . ".join(['"a b"'] * 30_000) + "]",
        # A key that only looks as if it were part of a text.
        "x = {k = '''\n\" ''', " + ".".join(["a"] * 50_000) + ' = 1, q = "" }',
    ],
)
def test_a_key_of_thousands_of_parts_does_not_reach_the_parser_which_takes_minutes(text, monkeypatch):
    monkeypatch.setattr(tomllib, "loads", lambda _text: pytest.fail("parsed"))
    with pytest.raises(RecipeError, match=f"nested deeper than {DEPTH} levels"):
        parse_toml(text, where="x")


def test_toml_is_what_the_parser_makes_of_it(tmp_path):
    text = '# it\'s a "comment"\na.b.c = 1\r\nd = """\n1. 2. 3. 4."""\n[e]\nf = [1.5, "x.y.z", true]\n'
    (tmp_path / "a.toml").write_bytes(text.encode())
    assert read_toml(tmp_path / "a.toml") == parse_toml(text, where="x") == tomllib.loads(text)


def test_values_in_sentences_are_short():
    assert shorten("a" * 1000) == "'" + "a" * 39 + "..." + "a" * 19 + "'"
    assert shorten([1, 2]) == "[1, 2]"
    assert shorten(10**5000) == "of thousands of digits"
