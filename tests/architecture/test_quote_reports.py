"""The tables of documents are those that scripts/quote_reports.py makes of the committed reports."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest


SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def quotes(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    spec = importlib.util.spec_from_file_location("quote_reports", SCRIPTS / "quote_reports.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("proven_margins", None)


def test_documents_hold_the_tables_of_the_committed_reports(quotes):
    names = []
    for name, text in quotes.quoted():
        names.append(name)
        assert text == (quotes.ROOT / name).read_text(encoding="utf-8"), f"run scripts/quote_reports.py for {name}"
    assert len(names) == 8


def test_rows_are_found_by_what_they_begin_with(quotes):
    text = "| a | b |\n|---|---|\n| one | 1 |\n| one more | 2 |\n\nmore\n"
    assert quotes.replace(text, [("one", "3"), ("one more", "2")], 1) == text.replace("| one | 1 |", "| one | 3 |")
    assert quotes.replace(text, [("one more", "2"), ("one", "1")], 1) == text
    with pytest.raises(SystemExit, match="lines 3 to 4 are a table with rows that the report lacks"):
        quotes.replace(text, [("one", "1")], 1)


@pytest.mark.parametrize("text", ["| other | 1 |\n", "| one | 1 |\n| one | 2 |\n"])
def test_a_row_that_is_not_there_once_is_an_error(quotes, text):
    with pytest.raises(SystemExit, match=r"rows begin with '\| one \|', there should be one"):
        quotes.replace(text, [("one", "3")], 1)


def test_readme_says_how_many_rows_it_leaves_out(quotes):
    printed = """.venv/bin/pip install convtext-tiny
.venv/bin/inkport verify
convtext-tiny 6 on 3 lines
reference: torch

data set  target  CER %
a         torch   1.00

target  outcome      CER %
torch   pass         1.00
webgpu  unavailable  -

webgpu: no GPU

delta: points of CER
"""
    short = quotes.shortened(printed, datasets=False)
    more = "(1 more rows are unavailable here; the run prints each with its reason and its fix)"
    parts = [
        "convtext-tiny 6 on 3 lines\nreference: torch",
        f"target  outcome      CER %\ntorch   pass         1.00\n{more}",
    ]
    assert short == "\n\n".join([*parts, "delta: points of CER"])
    assert "data set  target" in quotes.shortened(printed, datasets=True)
