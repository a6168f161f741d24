"""What the scripts of a release do with documents and reports."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest


SCRIPTS = Path(__file__).parents[2] / "scripts"
PAGE = r"""# inkport verify

convtext-tiny 6 on 3 lines of a\_b.tsv

reference: torch, CER 1.00 %

| target | outcome | CER % |
| --- | --- | --: |
| torch | pass | 1.00 |
| ort web, WebGPU | unavailable | - |

- **ort web, WebGPU**: no GPU

- delta: points of CER
- speed: how many times faster

## Data sets

| data set | target | CER % |
| --- | --- | --: |
| a | torch | 1.00 |

## Flipped lines

| line | target |
| --- | --- |
| a/1 | torch |

## Environment

| what | value |
| --- | --- |
| cpu | x |
"""


@pytest.fixture
def script(monkeypatch):
    """Imports scripts, which import each other by name."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    names = ("proven_margins", "report_tables", "quote_reports", "summarise_report")
    yield importlib.import_module
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture
def quotes(script, monkeypatch):
    module = script("quote_reports")
    monkeypatch.setattr(module, "BLOCKS", {"one": lambda: "1\n", "two": lambda: "2\n"})
    return module


def test_blocks_are_filled_and_the_rest_stays(quotes):
    text = "a\n<!-- quoted: one -->\nold\n<!-- end -->\nb\n<!-- quoted: two -->\n<!-- end -->\n"
    filled = "a\n<!-- quoted: one -->\n1\n<!-- end -->\nb\n<!-- quoted: two -->\n2\n<!-- end -->\n"
    assert quotes.filled(text) == filled == quotes.filled(filled)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<!-- quoted: three -->\n<!-- end -->", "nothing makes the block 'three'; report_tables.py makes one, two"),
        ("<!-- quoted: one -->\n1\n", "no end"),
        ("<!-- quoted: one -->\n1\n<!-- quoted: two -->\n2\n<!-- end -->", "no end"),
        ("<!-- quoted: One -->\n1\n<!-- end -->", "no end, or a name"),
    ],
)
def test_a_block_that_cannot_be_filled_is_an_error(quotes, text, words):
    with pytest.raises(SystemExit, match=words):
        quotes.filled(text)


def test_check_writes_nothing_and_fails(quotes, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(quotes, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    page, readme = tmp_path / "docs/page.md", tmp_path / "README.md"
    stale = "<!-- quoted: one -->\n0\n<!-- end -->\n"
    page.write_text(stale, encoding="utf-8")
    readme.write_text("<!-- quoted: two -->\n2\n<!-- end -->\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="do not quote the committed reports"):
        quotes.main(check=True)
    assert page.read_text(encoding="utf-8") == stale
    quotes.main(check=False)
    quotes.main(check=True)
    assert page.read_text(encoding="utf-8") == stale.replace("0", "1")
    assert capsys.readouterr().out == "docs/page.md\n" * 2


def test_nothing_is_written_while_a_block_is_quoted_nowhere(quotes, tmp_path, monkeypatch):
    monkeypatch.setattr(quotes, "ROOT", tmp_path)
    stale = "<!-- quoted: one -->\n0\n<!-- end -->\n"
    (tmp_path / "README.md").write_text(stale, encoding="utf-8")
    with pytest.raises(SystemExit, match="no document quotes two"):
        quotes.main(check=False)
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == stale


def test_what_verify_printed_is_made_of_its_markdown(script, tmp_path, monkeypatch):
    tables = script("report_tables")
    monkeypatch.setattr(tables, "RESULTS", tmp_path)
    (tmp_path / "a.md").write_text(PAGE, encoding="utf-8")
    more = "(1 more rows are unavailable here; the run prints each with its reason and its fix)"
    expected = f"""```
convtext-tiny 6 on 3 lines of a_b.tsv
reference: torch, CER 1.00 %

target           outcome      CER %
torch            pass          1.00
{more}

delta: points of CER
speed: how many times faster
```
"""
    assert tables.printed("a", datasets=False) == expected
    assert "data set  target  CER %\na         torch    1.00\n" in tables.printed("a", datasets=True)


def test_targets_are_grouped_by_what_is_proven(script):
    def target(name, low, high, *, flips=1, lines=9, outcome="pass", evidence="measured"):
        equivalence = {"interval": [low, high]}
        parity = {"lines": lines, "flipped_lines": flips, "equivalence": equivalence}
        return {"name": name, "outcome": outcome, "evidence": evidence, "parity": parity}

    targets = [
        target("same", 0.0, 0.0, flips=0),
        target("close", -0.001, 0.0004),
        target("far", -0.0001, 0.00301, lines=4, evidence="emulated"),
        target("wide", 0.0, 0.02),
        target("open", 0.0, 0.001, outcome="inconclusive"),
        {"name": "absent", "outcome": "unavailable", "parity": None},
    ]
    assert script("proven_margins").classes({"data": {"lines": 9}, "targets": targets}) == (
        "- **No line differs**: same.\n"
        "- **Proven within 0.1 points**: close (0.10).\n"
        "- **Proven within 0.5 points**: far (0.31, 4 lines, emulated).\n"
        "- **Passed at a margin of its own**: wide (2.00).\n"
        "- **Did not pass**: open (0.10): inconclusive.\n"
    )


def test_a_summary_lists_no_lines_and_keeps_all_else(script, tmp_path):
    module = script("summarise_report")
    parity = {"cer": 0.1, "flipped_lines": 1}
    target = {"name": "a", "line_edits": None}
    whole = {"per_line": {"group": [0]}, "targets": [target | {"parity": parity | {"flips": [{"id": "a/1"}]}}]}
    (tmp_path / "report.json").write_text(json.dumps(whole), encoding="utf-8")
    (tmp_path / "report.md").write_text(PAGE, encoding="utf-8")
    module.summarise(tmp_path / "report.json", tmp_path / "out.json")
    found = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert found == {"targets": [target | {"parity": parity}]}
    page = (tmp_path / "out.md").read_text(encoding="utf-8")
    assert page == PAGE.replace("| line | target |\n| --- | --- |\n| a/1 | torch |", module.LEFT_OUT)
    with pytest.raises(SystemExit, match="found 0"):
        module.page_summary("# inkport verify\n")
