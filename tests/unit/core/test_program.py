"""Which code a program ends with, whatever happens in it."""

from __future__ import annotations

import errno
import os
import sys

import pytest
from cyclopts import App

from inkport import __version__
from inkport.core import errors
from inkport.core.errors import describe_os_error, exit_code, is_refusal
from inkport.core.program import run_program


class Panic(BaseException):
    """What libraries in Rust raise."""


@pytest.fixture
def ends(capsys):
    """Run a program of one command that returns or raises something; return its code and its standard error."""

    def run(outcome: object):
        app = App(name="program", suppress_keyboard_interrupt=False)

        @app.default
        def command(word: str) -> object:
            assert word == "a word"
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        code = run_program(app, ["a word"])
        printed = capsys.readouterr()
        assert printed.out == ""
        return code, printed.err

    return run


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (1, 1), (3, 3), ("text", 0)])
def test_what_a_command_returns_is_the_code(ends, returned, code):
    assert ends(returned) == (code, "")


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (errors.UsageError("so", remedy="do"), 2, "inkport: so\nfix: do\n"),
        (errors.ExportError("gave up"), 1, "inkport: gave up\n"),
        (errors.RuntimeUnavailableError("absent"), 3, "inkport: absent\n"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/x/y"), 2, "inkport: /x/y: No space left on device\n"),
        (OSError("no number"), 2, "inkport: no number\n"),
        (TimeoutError(), 2, "inkport: TimeoutError\n"),
        # Of a child, say: standard output never raises it.
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 2, "inkport: Broken pipe\n"),
        (MemoryError("for 7 TiB"), 2, "inkport: not enough memory (for 7 TiB)\nfix: hand in less at a time\n"),
        (KeyboardInterrupt(), 130, "inkport: interrupted; a second run completes what is missing\n"),
        (SystemExit(143), 143, ""),
    ],
)
def test_what_was_foreseen_is_a_sentence(ends, raised, code, words):
    assert ends(raised) == (code, words)


@pytest.mark.parametrize(
    "raised",
    [TypeError("NoneType"), RecursionError("deep"), SystemExit(0), SystemExit("bye"), SystemExit(), Panic("!")],
)
def test_what_nobody_foresaw_has_a_code_of_its_own_and_asks_for_a_report(ends, raised):
    code, said = ends(raised)
    assert code == 70
    assert f"inkport: an error that nobody foresaw: {type(raised).__qualname__}" in said.replace(f"{__name__}.", "")
    assert "please report it" in said
    assert f"inkport {__version__}, Python {sys.version.split()[0]}" in said
    assert "inkport 'a word'" in said
    assert "in command" in said


def test_wrong_arguments_are_code_2(capsys):
    app = App(name="program")

    @app.default
    def command(*, number: int) -> None:
        """Take a number."""

    for arguments in (["--number", "x"], ["--nosuch"], []):
        assert run_program(app, arguments) == 2
        assert capsys.readouterr().err


LEAVES = {
    0: (),
    1: (
        "InkportError",
        "TrainingError",
        "ExportError",
        "TargetError",
        "RuntimeExecutionError",
        "DeviceError",
        "DeviceTimeoutError",
    ),
    3: ("RuntimeUnavailableError", "DeviceUnavailableError", "ExporterUnavailableError", "HubUnavailableError"),
}
"""Errors that do not end in 2: the work itself failed, or something is missing here."""


@pytest.mark.parametrize(
    "name", [n for n, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.InkportError)]
)
def test_every_error_has_its_code(name):
    wanted = next((code for code, names in LEAVES.items() if name in names), 2)
    assert exit_code(getattr(errors, name)("so")) == wanted


def test_two_files_of_one_error_are_both_named():
    assert describe_os_error(OSError(errno.EXDEV, "Invalid cross-device link", "a", None, "b")) == (
        "a and b: Invalid cross-device link"
    )


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (OSError(errno.ENOSPC, "full"), True),
        (MemoryError(), True),
        (FileNotFoundError(errno.ENOENT, "gone"), False),
        (OSError("a converter's own"), False),
        (ValueError(), False),
    ],
)
def test_a_full_machine_is_told_from_a_broken_converter(error, refused):
    assert is_refusal(error) == refused
