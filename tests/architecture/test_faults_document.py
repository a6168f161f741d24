"""Every test that docs/faults.md names is there."""

from __future__ import annotations

import re

import pytest


TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


@pytest.fixture(scope="module")
def named(root):
    return TEST.findall((root / "docs/faults.md").read_text(encoding="utf-8"))


def test_the_tables_name_many_tests(named):
    assert len({path for path, _ in named}) > 40


def test_every_named_test_is_there(root, named):
    missing = []
    for path, name in named:
        file = root / path
        if not file.is_file() or (name and f"def {name}(" not in file.read_text(encoding="utf-8")):
            missing.append(f"{path}::{name}" if name else path)
    assert not missing, missing
