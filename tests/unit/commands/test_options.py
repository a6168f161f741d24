"""What holds for every option of every command: found out before any work, code 2, a sentence that names the option."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin

import pytest

from inkport.benchmarks.checks.devices.steps import RUNNER, Cooling, DevicePlan
from inkport.benchmarks.checks.kit.make import KitOptions
from inkport.cli import arguments_of, every_command
from inkport.commands import _device, _options
from inkport.commands._device import DeviceOptions


FILES = {"out", "select_out", "junit"}
"""Parameters that name where a result goes."""
ABSENT = "absent/because/it/is/not/there"


class Option(NamedTuple):
    """An option of a command, with what the command needs besides."""

    command: tuple[str, ...]
    name: str
    hint: Any
    others: tuple[str, ...]

    def __repr__(self) -> str:
        return " ".join((*self.command, self.name))


def options() -> Iterator[Option]:
    for words, _ in every_command():
        found = arguments_of(*words)
        required = {a.name: sample(a.hint) for a in found if a.required}
        for argument in found:
            others = [given(name, value) for name, value in required.items() if name != argument.name]
            yield Option(words, argument.name, argument.hint, tuple(others))


def given(name: str, value: object) -> str:
    """An option with its value, or an argument, which has no name on a command line."""
    return f"{name}={value}" if name.startswith("--") else str(value)


def leaves(hint: Any) -> set[Any]:
    return set().union(*map(leaves, get_args(hint))) if get_args(hint) and get_origin(hint) is not Literal else {hint}


def sample(hint: Any) -> str:
    """A value that an option of this type takes."""
    for leaf in leaves(hint):
        if get_origin(leaf) is Literal:
            return str(get_args(leaf)[0])
        if isinstance(leaf, type) and issubclass(leaf, enum.Enum):
            return str(next(iter(leaf)).value)
    return "1" if leaves(hint) & {int, float} else ABSENT


def said(error: str) -> str:
    """What stands in an error's box, in one line."""
    return " ".join(error.replace("│", " ").split())


OPTIONS = list(options())
NUMBERS = [option for option in OPTIONS if leaves(option.hint) & {int, float}]
PATHS = [option for option in OPTIONS if Path in leaves(option.hint)]
OUTPUTS = [option for option in PATHS if option.name.strip("-").replace("-", "_") in FILES]


def test_all_commands_are_looked_at():
    assert {option.command for option in OPTIONS} == {words for words, _ in every_command() if arguments_of(*words)}
    assert len(OPTIONS) > 280
    assert len(NUMBERS) > 80
    assert len(OUTPUTS) > 25


@pytest.mark.parametrize("option", NUMBERS, ids=repr)
def test_no_number_is_none_or_beyond_every_library(inkport, option):
    value = "nan" if float in leaves(option.hint) else str(10**30)
    done = inkport(*option.command, *option.others, given(option.name, value))
    assert done.code == 2
    assert "Traceback" not in done.err
    assert not done.out
    assert option.name.strip("-") in done.err


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e400", "1e30"])
def test_no_limit_is_endless(inkport, value):
    for arguments in (
        ["compare", "a", "b", f"--max-slower={value}"],
        ["train", "average", "a", "b", "--out", "c", "--shares", "0.5", value],
        ["verify", "--device", "ssh://x", f"--cool-below={value}"],
        ["bench", f"--precision={value}"],
    ):
        done = inkport(*arguments)
        assert done.code == 2
        assert "expected a finite number" in said(done.err) or "at most 64 bits" in said(done.err)


def test_nothing_is_repaired_in_any_option():
    for words, _ in every_command():
        for argument in arguments_of(*words):
            # The parts of a group of settings are converted by what its parameter has.
            assert argument.keys or argument.parameter.converter is _options.convert_strictly, (words, argument.name)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["verify", "--out="], "for --out: expected a path, found an empty text"),
        (["verify", "--targets="], "for --targets: expected a path, found an empty text"),
        (["data", "frames", "lines", ""], "expected a path, found an empty text"),
        (["verify", "--threads=1.5"], "for --threads: expected a whole number, found '1.5'"),
        (["data", "frames", "lines", "--heights", "48", "64.0"], "expected a whole number, found '64.0'"),
    ],
)
def test_an_empty_path_is_not_the_current_folder_and_a_fraction_is_not_rounded(inkport, arguments, words):
    done = inkport(*arguments)
    assert done.code == 2
    assert words in said(done.err)


@pytest.mark.parametrize("option", OUTPUTS, ids=repr)
def test_where_a_result_goes_is_looked_at_first(inkport, option, tmp_path):
    (tmp_path / "file").write_text("kept")
    place = tmp_path / "file" / "below"
    done = inkport(*option.command, *option.others, option.name, place)
    # What else it names is not there either, so this was found out before anything was read.
    assert done.code == 2
    assert f"{place} cannot be written to: {tmp_path / 'file'} is not a folder" in done.err
    assert ABSENT not in done.err
    assert (tmp_path / "file").read_text() == "kept"


def test_every_result_has_a_place_that_is_checked():
    declared = {
        parameter.validator
        for kind in (_options.OutFolder, _options.OutFile, _options.OutPlace, _options.OutArtifact)
        for parameter in kind.__metadata__
    }
    for words, _ in every_command():
        for argument in arguments_of(*words):
            if argument.name.strip("-").replace("-", "_") in FILES:
                assert argument.parameter.validator in declared, (words, argument.name)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["verify", "--latency-lines", "-1"], "latency_lines must be at least 0"),
        (["read", "a.png", "--threads", "2000"], "threads must be at most 1,024, found 2000"),
        (["data", "synth", "--fonts", "f", "--text", "t", "--jobs", "0"], "jobs must be at least 1"),
        (["kit", "run", "k", "--timeout", "1e9"], "expected seconds above 0"),
        (
            ["quantize", "apply", "--calibration", "c", "--out", "o", "--set", "percentile=101"],
            "percentile must be above 50",
        ),
        (["quantize", "apply", "--calibration", "c", "--out", "o", "--calibration-lines", "0"], "expected at least 1"),
        (["lm", "measure", "--lm", "l", "--lines", "l", "--most-lines", "-1"], "expected at least 0"),
        (["train", "grow", "w", "--to", "x", "--out", "o", "--seed", "-1"], "seed must be at least 0"),
    ],
)
def test_numbers_out_of_range_are_named(inkport, arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = inkport(*arguments)
    assert done.code == 2
    assert words in said(done.err)
    assert not list(tmp_path.iterdir())


def test_defaults_of_devices_are_those_of_what_runs_there():
    """The command names them itself, so that a verification without a device loads nothing of them."""
    cooling = DeviceOptions(device=("ssh://a",), cool_below=40).cooling
    request = {f.name: f for f in fields(DevicePlan)}
    assert cooling == Cooling(below_c=40)
    assert (request["timeout_s"].default, RUNNER) == (_device.TIMEOUT_S, _device.RUNNER)
    assert KitOptions.lines == _device.LINES
