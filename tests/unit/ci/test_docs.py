"""docs/ci.md is what the action and the container run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml


ROOT = Path(__file__).parents[3]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def page():
    return (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")


def blocks(page, language):
    return [text for found, text in FENCE.findall(page) if found == language]


def test_the_page_shows_the_scripts_that_are_run_and_no_others(page, scripts):
    shown = {name: text for name, text in scripts.items() if name != "prove.sh"}
    assert sorted(blocks(page, "bash")) == sorted(shown.values())
    for name, text in shown.items():
        assert page.index(f"`ci/{name}`") < page.index(text), f"{name} is named before it is shown"


def test_the_page_has_every_input_with_its_default_and_meaning(page, action):
    rows = re.findall(r"^\| `([a-z-]+)` \| (.*?) \| (.*) \|$", page, re.MULTILINE)
    assert {name: (default, meaning) for name, default, meaning in rows} == {
        name: (f"`{given['default']}`" if given["default"] else "", given["description"].rstrip("."))
        for name, given in action["inputs"].items()
    }


def test_the_workflow_hands_the_action_what_it_takes(page, action):
    (block,) = blocks(page, "yaml")
    workflow = yaml.safe_load(block)
    # YAML 1.1 takes the key `on` for true.
    assert workflow[True] == ["pull_request"]
    job = workflow["jobs"]["port"]
    assert job["permissions"] == {"contents": "read", "pull-requests": "write"}
    checkout, prove = job["steps"]
    assert checkout["with"] == {"submodules": True}
    assert prove["uses"] == "./inkport"
    assert set(prove["with"]) <= set(action["inputs"])
    assert all(isinstance(value, str) for value in prove["with"].values())


def test_the_container_is_run_with_variables_that_its_scripts_read(page, scripts):
    (block,) = blocks(page, "sh")
    words = shlex.split(block.replace("\\\n", ""))
    given = {words[at + 1].split("=")[0] for at, word in enumerate(words) if word == "--env"}
    read = {name for text in scripts.values() for name in re.findall(r"\bINKPORT_[A-Z_]+", text)}
    assert given <= read
    assert len(given) > 2
    assert (ROOT / words[words.index("--file") + 1].removeprefix("inkport/")).name == "Containerfile"


def test_the_page_says_what_was_not_tried(page):
    assert "Neither the action nor the container could be run here" in page
