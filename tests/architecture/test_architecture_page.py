"""The page on the architecture names what exists, and says where to go for what."""

from __future__ import annotations

import ast
import re

import pytest


NAME = re.compile(r"`([\w./-]*\.(?:py|toml|md)(?::\w+)?|[\w./-]+/)`")


@pytest.fixture(scope="module")
def page(root):
    return (root / "docs" / "architecture.md").read_text(encoding="utf-8")


def defined(path):
    """Names that a module defines at its top."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def missing(root, text):
    lost = []
    for whole in NAME.findall(text):
        path, _, name = whole.partition(":")
        if not (root / path).exists() or (name and name not in defined(root / path)):
            lost.append(whole)
    return lost


def test_what_the_page_names_exists(root, page):
    assert len(NAME.findall(page)) > 40
    assert missing(root, page) == []


def test_the_rule_sees_what_is_missing(root):
    text = "`setup.py:FOLDERS` `train/` `setup.py:NONE` `no/such.py` `nor/this/` `src/inkport/cli.py:main`"
    assert missing(root, text) == ["setup.py:NONE", "no/such.py", "nor/this/"]


def test_the_picture_has_every_folder_of_the_package(root, page):
    picture = page.partition("```\n")[2].partition("```")[0]
    named = set(re.findall(r"[\w/]*\w(?=/(?:\s|$))", picture))
    folders = {"model", "train", "export", "runtimes"}
    folders |= {f"benchmarks/{path.parent.name}" for path in (root / "benchmarks").glob("*/__init__.py")}
    spine = {path.parent.name for path in (root / "src/inkport").glob("*/__init__.py") if not path.parent.is_symlink()}
    assert folders <= named
    assert spine <= {name.rpartition("/")[2] for name in named}


@pytest.mark.parametrize(
    "row",
    [
        *("new verdict", "new runtime", "exporter", "column of the table", "section of the HTML page", "resampling"),
        *("beam", "augmentation", "data set", "exit code"),
    ],
)
def test_the_table_says_where_to_go(page, row):
    rows = [line for line in page.splitlines() if line.startswith("| ") and row in line.split("|")[1]]
    assert len(rows) == 1
    assert NAME.search(rows[0].split("|")[2])
