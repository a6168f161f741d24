"""docs/invariance.md and docs/flip-forecast.md name relations, kinds and options; their example is a targets file."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from inkport.cli import options_of
from inkport.core.target import LineChoice, load_targets
from inkport.runtimes.relations.findings import Kind
from inkport.runtimes.relations.relations import RELATIONS


DOCS = Path(__file__).parents[5] / "docs"


def rows(text, heading):
    return re.findall(r"^\| `([\w-]+)` \|", text.split(heading)[1].split("\n## ")[0], flags=re.MULTILINE)


def test_relations_and_kinds():
    text = (DOCS / "invariance.md").read_text(encoding="utf-8")
    assert sorted(rows(text, "## Relations")) == sorted(relation.name for relation in RELATIONS)
    assert rows(text, "## Violations") == [str(kind) for kind in Kind]


@pytest.mark.parametrize(("command", "page"), [("flips", "flip-forecast.md"), ("invariance", "invariance.md")])
def test_options_that_verify_does_not_have(command, page):
    text = (DOCS / page).read_text(encoding="utf-8")
    own = set(options_of("diagnose", command)) - set(options_of("verify"))
    assert set(re.findall(r"^\| `(--[a-z-]+)` \|", text, flags=re.MULTILINE)) == own


def test_the_example_is_a_targets_file(tmp_path):
    text = (DOCS / "flip-forecast.md").read_text(encoding="utf-8")
    example = inspect.cleandoc("    [[target]]" + text.split("    [[target]]")[1].split("Fragile lines are")[0])
    (tmp_path / "targets.toml").write_text(example, encoding="utf-8")
    (target,) = load_targets(tmp_path / "targets.toml")
    assert (target.lines, target.choose) == (120, LineChoice.FRAGILE)
