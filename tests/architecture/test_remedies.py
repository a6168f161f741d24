"""Every remedy works where it is printed: it names commands, options and extras that there are, and no path of ours."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator

import pytest

from inkport.cli import every_command, options_of


FOLDERS = ("src", "model", "train", "export", "runtimes", "benchmarks")
COMMANDS = {" ".join(words): words for words, _ in every_command()}
PROSE = {"on", "that", "to", "and"}
"""What follows the name of inkport in a sentence."""
FOREIGN = ("--ignore-scripts", "--prefix", "--nproc-per-node", "--use_")
"""How options of other programs begin."""


def is_remedy(node: ast.AST) -> bool:
    if isinstance(node, ast.keyword):
        return node.arg == "remedy"
    return isinstance(node, ast.Assign) and "remedy" in getattr(node.targets[0], "id", "").lower()


def literals(value: ast.AST) -> str:
    """The literal parts of an expression, in their order."""
    parts = [node for node in ast.walk(value) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return "".join(part.value for part in sorted(parts, key=lambda part: (part.lineno, part.col_offset)))


def remedies(root, tracked) -> Iterator[tuple[str, str]]:
    """What is handed to ``remedy=``, or assigned to such a name, by place."""
    for path in tracked:
        if path.suffix == ".py" and path.parts[0] in FOLDERS:
            for node in ast.walk(ast.parse((root / path).read_text(encoding="utf-8"))):
                if is_remedy(node) and (text := literals(node.value)):
                    yield f"{path}:{node.value.lineno}", text


@pytest.fixture
def found(root, tracked):
    found = dict(remedies(root, tracked))
    assert len(found) > 250
    return found


def test_no_remedy_needs_a_file_of_the_repository(found):
    ours = re.compile(r"(?<!documentation \()\b(docs|recipes|tests|examples)/|\bmake (demo|test)\b")
    assert {place: text for place, text in found.items() if ours.search(text)} == {}


def test_every_command_in_a_remedy_is_one(found):
    wrong = {}
    for place, text in found.items():
        for words in re.findall(r"(?<![\w.-])inkport ([a-z][a-z-]*(?: [a-z-]+)*)", text):
            parts = words.split()
            known = any(" ".join(parts[:end]) in COMMANDS for end in range(1, len(parts) + 1))
            if not known and parts[0] not in PROSE:
                wrong[place] = words
    assert wrong == {}


def test_every_option_in_a_remedy_is_one(found):
    known = {name for words in COMMANDS.values() for name in options_of(*words)} | {"--verbose", "--quiet", "--help"}
    wrong = {}
    for place, text in found.items():
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9_-]+", text))
        if unknown := {name for name in named - known if not name.startswith(FOREIGN)}:
            wrong[place] = unknown
    assert wrong == {}


def test_every_extra_in_a_remedy_is_one(root, found):
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [some for text in found.values() for some in re.findall(r"inkport\[([a-z,-]+)\]", text)]
    named = {name for some in groups for name in some.split(",")}
    assert named
    assert named <= set(project["optional-dependencies"])
