"""The container file is well formed, and what it names is there. No container can be built here."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[3]
KNOWN = {"FROM", "ARG", "WORKDIR", "COPY", "RUN", "ENV", "ENTRYPOINT"}


@pytest.fixture(scope="module")
def instructions():
    text = (ROOT / "Containerfile").read_text(encoding="utf-8")
    rows = [row for row in text.replace("\\\n", " ").splitlines() if row.strip() and not row.startswith("#")]
    return [tuple(row.split(maxsplit=1)) for row in rows]


def test_every_instruction_is_one(instructions):
    assert {name for name, _ in instructions} == KNOWN
    assert instructions[0][0] == "FROM"
    assert re.fullmatch(r"docker\.io/library/python:3\.1[1-3]-slim", instructions[0][1]), "a version, and no latest"
    assert [name for name, _ in instructions].count("ENTRYPOINT") == 1


def test_what_is_copied_is_there_and_is_all_that_the_package_is_built_from(instructions):
    copied = {source for name, rest in instructions if name == "COPY" for source in rest.split()[:-1]}
    assert {source for source in copied if not (ROOT / source).exists()} == set()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    folders = {path.name for path in (ROOT / "src/inkport").iterdir() if path.is_symlink()}
    # A pattern's folder is copied whole.
    licences = {str(Path(name).parent) if "*" in name else name for name in project["license-files"]}
    # setup.py makes the description of the README.
    assert copied == {"pyproject.toml", "setup.py", "README.md", *licences, "src", "ci", *folders}


def test_it_starts_the_script_that_does_all_three(instructions):
    places = {rest.split()[0]: rest.split()[1] for name, rest in instructions if name == "COPY"}
    (program,) = json.loads(dict(instructions)["ENTRYPOINT"])
    assert program == f"{places['ci']}/prove.sh"


def test_its_defaults_are_the_actions(instructions, action):
    arguments = dict(row.split("=", 1) for name, row in instructions if name == "ARG")
    variables = dict(pair.split("=", 1) for name, rest in instructions if name == "ENV" for pair in rest.split())
    defaults = {name: given["default"] for name, given in action["inputs"].items()}
    assert arguments == {"EXTRAS": defaults["extras"]}
    assert variables.pop("HOME") == "/tmp"  # noqa: S108 - in the container, for whoever runs it
    assert variables == {"INKPORT_OUT": defaults["out"], "INKPORT_MAX_SLOWER": defaults["max-slower"]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(arguments["EXTRAS"].split(",")) <= set(project["optional-dependencies"])
