"""Every command on the list is there, says what it does, and answers --help; none is hidden from the list."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from inkport.cli import COMMANDS, GROUPS, app, arguments_of, every_command, place_of


EVERY = dict(every_command())
"""All that does something, by the words that call it."""


def place_in(words):
    """Where the command is that these words call: its row in the list, or that of the command that it is part of."""
    return next(row for row in (" ".join(words[:end]) for end in range(len(words), 0, -1)) if row in COMMANDS)


def test_every_command_is_on_the_list():
    assert {place_in(words) for words in EVERY} == set(COMMANDS)
    assert all(summary.endswith(".") for summary in (*COMMANDS.values(), *GROUPS.values()))


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_a_command_is_a_documented_function_and_explains_its_arguments(words, capsys):
    function = EVERY[words].default_command
    assert inspect.isfunction(function)
    assert inspect.getdoc(function)
    app([*words, "--help"], result_action="return_value")
    shown = capsys.readouterr().out
    assert f"inkport {' '.join(words)}" in shown
    for argument in arguments_of(*words):
        assert argument.name.removeprefix("--").lower() in shown.lower()


LINE_OPTIONS = {"--calibration", "--lines", "--others", "--pool", "--rehearse", "--test", "--train", "LINES"}
"""What takes line sets."""


def test_every_command_that_reads_lines_can_skip_those_that_cannot_be_used():
    found = {" ".join(words): {argument.name for argument in arguments_of(*words)} for words in EVERY}
    readers = {name for name, names in found.items() if names & LINE_OPTIONS}
    assert {
        "train adapt curve",
        "bench",
        "data frames",
        "data widths",
        "diagnose operators",
        "export",
        "kit make",
        "prune scan",
        "verify",
    } <= readers
    assert {name for name in readers if "--skip" not in found[name]} == set()


def test_no_command_is_left_off_the_list(root):
    folder = root / "src/inkport/commands"
    modules = {
        ".".join(path.relative_to(folder).with_suffix("").parts)
        for path in folder.rglob("*.py")
        if not path.stem.startswith("_")
    }
    assert {f"inkport.commands.{module}" for module in modules} == {place_of(row).split(":")[0] for row in COMMANDS}


@pytest.mark.parametrize("arguments", [["nosuch"], ["verify", "--nosuch"], ["read"]])
def test_wrong_arguments_end_in_one_message_and_exit_code_2(arguments):
    done = subprocess.run(
        [sys.executable, "-m", "inkport", *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()
    assert not done.stdout
