"""The Python of the documents and of the API's docstrings runs, and prints what is written there."""

from __future__ import annotations

import doctest
import importlib
import re

import pytest


pytest.importorskip("onnxruntime", reason="the documents read with the shipped model")

DOCUMENTS = ("docs/reading.md", "docs/tutorials/read-a-line.md")
"""Pages whose examples are run; each from top to bottom, as one session."""
MODULES = ("inkport.api.proving", "inkport.api.reading", "inkport.core.recogniser")
"""Modules whose docstrings may hold examples."""
FENCE = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def run(test):
    """Run one test; return how many examples there were."""
    said = []
    found = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=said.append)
    assert found.failed == 0, "".join(said)
    return found.attempted


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_python_of_a_page_runs(root, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    blocks = FENCE.findall((root / name).read_text(encoding="utf-8"))
    assert run(doctest.DocTestParser().get_doctest("\n".join(blocks), {}, name, name, 0)) > 4
    assert list(tmp_path.iterdir()) == []


def test_every_page_with_python_to_run_is_on_the_list(root, tracked):
    pages = {str(path) for path in tracked if path.suffix == ".md"}
    found = {page for page in pages if any(">>> " in b for b in FENCE.findall((root / page).read_text("utf-8")))}
    assert found == set(DOCUMENTS)


def test_the_examples_of_docstrings_run():
    tests = [
        test
        for name in MODULES
        for test in doctest.DocTestFinder().find(importlib.import_module(name))
        if test.examples
    ]
    assert sum(run(test) for test in tests) >= 4


def test_an_example_that_is_wrong_is_found():
    test = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", "wrong", 0)
    with pytest.raises(AssertionError, match="Expected"):
        run(test)
