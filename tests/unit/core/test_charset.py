"""Symbols and labels: what may be one, and how texts map to labels and back."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, strategies as st

from inkport.core.charset import Charset, normalise_text
from inkport.core.errors import CharsetError, UnknownSymbolError


def test_digest_never_changes():
    # printf 'a\0b\0\xc3\xa9' | sha256sum
    expected = "fe7fe63154044a541224ef4f2c95b7effef786f634af64418de537807a8917d7"
    assert Charset(("a", "b", "é")).digest == expected


def test_digest_depends_on_order():
    assert Charset(("a", "b")).digest != Charset(("b", "a")).digest


def test_blank_is_label_zero_and_symbols_follow():
    charset = Charset(("a", "b"))
    assert charset.size == 3
    assert charset.encode("ba") == [2, 1]
    assert charset.decode([0, 2, 0, 1, 1]) == "baa"


def test_composed_and_decomposed_text_have_the_same_labels():
    charset = Charset(("é",))
    assert charset.encode("e\N{COMBINING ACUTE ACCENT}") == charset.encode("é") == [1]


def test_from_texts_sorts_by_code_point_after_normalising():
    assert Charset.from_texts(["b  a", "e\N{COMBINING ACUTE ACCENT}\t"]).symbols == (" ", "a", "b", "é")


@given(st.lists(st.sampled_from(" abcé"), max_size=30).map("".join))
def test_decoding_inverts_encoding(text):
    charset = Charset(tuple(" abcé"))
    assert charset.decode(charset.encode(text)) == normalise_text(text)


@given(st.text())
def test_normalised_text_is_nfc_with_single_spaces(text):
    normal = normalise_text(text)
    assert unicodedata.is_normalized("NFC", normal)
    assert normal.split(" ") == normal.split() or normal == ""
    assert normalise_text(normal) == normal


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        ((), "at least one"),
        (("a", "a"), "twice"),
        (("ab",), "not one code point"),
        (("",), "not one code point"),
        (("\N{ANGSTROM SIGN}",), "not one code point in NFC"),
        (("\n",), "control character"),
        (("\ud800",), "control character"),
    ],
)
def test_impossible_charsets_are_refused(symbols, message):
    with pytest.raises(CharsetError, match=message):
        Charset(symbols)


def test_unknown_symbols_are_named_once_each():
    charset = Charset(("a", " "))
    assert charset.unknown("zaz y") == ("y", "z")
    with pytest.raises(UnknownSymbolError, match=r"\['y', 'z'\] of the text 'zaz y' .* \(2 symbols\)"):
        charset.encode("zaz y")


@pytest.mark.parametrize("label", [-1, 3])
def test_labels_outside_the_charset_are_refused(label):
    with pytest.raises(CharsetError, match=r"outside 0\.\.2"):
        Charset(("a", "b")).decode([label])
