"""Every command on the list is there, says what it does, and answers --help; none is hidden from the list."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module

import pytest
from cyclopts import App

from inkport.cli import COMMANDS, app, place_of


def functions(name):
    """The functions behind a command, by the words that call them: one, or one per subcommand."""
    module, function = place_of(name).split(":")
    found = getattr(import_module(module), function)
    if not isinstance(found, App):
        return {(name,): found}
    parts = [part for part in found if not part.startswith("-")]
    assert parts
    return {(name, part): found[part].default_command for part in parts}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_a_documented_function(name):
    for function in functions(name).values():
        assert inspect.isfunction(function)
        assert inspect.getdoc(function)
    assert COMMANDS[name].endswith(".")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_explains_its_arguments(name, capsys):
    for words, function in functions(name).items():
        app([*words, "--help"], result_action="return_value")
        shown = capsys.readouterr().out
        assert f"inkport {' '.join(words)}" in shown
        for parameter in inspect.signature(function).parameters:
            assert parameter.strip("_").replace("_", "-") in shown.lower()


LINE_OPTIONS = {"calibration", "lines", "others", "pool", "rehearse", "test", "train"}
"""Parameters that take line sets."""


def test_every_command_that_reads_lines_can_skip_those_that_cannot_be_used():
    found = {
        " ".join(words): set(inspect.signature(function).parameters)
        for name in COMMANDS
        for words, function in functions(name).items()
    }
    readers = {name for name, parameters in found.items() if parameters & LINE_OPTIONS}
    assert {
        "adapt curve",
        "bench",
        "buckets",
        "debug",
        "export",
        "frames",
        "kit make",
        "prune scan",
        "verify",
    } <= readers
    assert {name for name in readers if "skip" not in found[name]} == set()


def test_no_command_is_left_off_the_list(root):
    modules = {path.stem for path in (root / "src/inkport/commands").glob("*.py") if not path.stem.startswith("_")}
    assert {f"inkport.commands.{module}:{module}" for module in modules} == set(map(place_of, COMMANDS))


@pytest.mark.parametrize("arguments", [["nosuch"], ["verify", "--nosuch"], ["read"]])
def test_wrong_arguments_end_in_one_message_and_exit_code_2(arguments):
    done = subprocess.run(
        [sys.executable, "-m", "inkport", *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()
    assert not done.stdout
