"""The Python of the documents and of the API's docstrings runs, and prints what is written there."""

from __future__ import annotations

import doctest
import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


pytest.importorskip("onnxruntime", reason="the documents read with the shipped model")

DOCUMENTS = ("docs/reading.md", "docs/tutorials/read-a-line.md")
"""Pages whose examples are run; each from top to bottom, as one session."""
MODULES = ("inkport.api.proving", "inkport.api.reading", "inkport.core.recogniser")
"""Modules whose docstrings may hold examples."""
FENCE = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


SHELL = re.compile(r"^```sh\n(.*?)^```$(?:\n\n```text\n(.*?)^```$)?", re.DOTALL | re.MULTILINE)


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


@pytest.fixture(scope="module")
def programs(root, tracked):
    """Each block of a shell that runs Python, and what is printed below it."""
    found = []
    for path in tracked:
        text = (root / path).read_text("utf-8") if path.suffix == ".md" else ""
        blocks = [(path, code, shown) for code, shown in SHELL.findall(text) if "python -c" in code]
        assert len(blocks) == len(re.findall(r"^ *python3? -c", text, re.MULTILINE)), f"{path}: not in a block"
        found += blocks
    return found


@pytest.fixture
def folder(root, tmp_path):
    """What the programs of the documents read: a line, three lines, a report, weights and the log of a training."""
    samples = root / "benchmarks" / "samples"
    head, *rows = (samples / "lines.tsv").read_text("utf-8").splitlines(keepends=True)
    (tmp_path / "lines.tsv").write_text("".join([head, *rows[:3]]), "utf-8")
    for row in rows[:3]:
        shutil.copy(samples / row.split("\t")[1], tmp_path)
    shutil.copy(samples / "rendered-en-000000.png", tmp_path / "line.png")
    shutil.copy(root / "model/shipped/convtext-tiny/weights.safetensors", tmp_path / "best.safetensors")
    (tmp_path / "benchmarks").symlink_to(root / "benchmarks", target_is_directory=True)
    (tmp_path / "out").mkdir()
    for name in ("baseline.json", "out/report.json"):
        shutil.copy(root / "tests/golden/report-0.1.json", tmp_path / name)
    (tmp_path / "runs" / "tiny").mkdir(parents=True)
    (tmp_path / "runs/tiny/log.jsonl").write_text('{"step": 50, "loss": 1.5}\n{"step": 50, "val_cer": {"fr": 0.2}}\n')
    return tmp_path


def test_programs_of_a_few_lines_print_what_is_shown_below_them(programs, folder):
    pytest.importorskip("torch", reason="one of them exports trained weights")
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    assert {str(path) for path, _, _ in programs} >= {"README.md", "docs/reading.md", "docs/training.md"}
    for path, code, shown in programs:
        command = ["bash", "-c", code]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{path}: {code}\n{done.stderr}"
        assert done.stdout, code
        assert not shown or done.stdout == shown, code
