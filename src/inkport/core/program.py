"""Running a command line so that its exit code is always the one that was meant."""

from __future__ import annotations

import platform
import shlex
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

from inkport import __version__
from inkport.core.console import GuardedWriter, guard_streams
from inkport.core.errors import (
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_UNAVAILABLE,
    EXIT_UNFORESEEN,
    EXIT_USAGE,
    SIGNALLED,
    InkportError,
    describe_os_error,
    exit_code,
    extra_of,
)
from inkport.core.verbosity import is_verbose


if TYPE_CHECKING:
    from cyclopts import App


def run_program(app: App, arguments: Sequence[str]) -> int:
    """Run a command and return the code to exit with; nothing is raised.

    The code is what the command returned, or that of the error which ended it. A reader of standard output that goes
    away changes nothing. Where the output could not be written for another reason, a code of 0 becomes 2, and any other
    one stays: a full disk must not hide that a target regressed.

    Args:
        app: The commands.
        arguments: What stands behind the program's name.
    """
    output = guard_streams()
    code = _run(app, arguments)
    sys.stdout.flush()
    return _with_output(code, output)


def complain(text: str) -> None:
    """Say on standard error what is wrong."""
    sys.stderr.write(f"inkport: {text}\n")


def _run(app: App, arguments: Sequence[str]) -> int:
    from cyclopts import CycloptsError

    code: object
    try:
        code = app(arguments, exit_on_error=False, print_error=True, result_action="return_value")
    except CycloptsError:
        # It has printed what is wrong with the arguments.
        code = EXIT_USAGE
    except InkportError as error:
        if is_verbose():
            sys.stderr.write("".join(traceback.format_exception(error)))
        complain(str(error))
        code = exit_code(error)
    except ModuleNotFoundError as missing:
        code = _missing(missing, arguments)
    except KeyboardInterrupt:
        complain("interrupted; a second run completes what is missing")
        code = EXIT_INTERRUPTED
    except OSError as error:
        complain(describe_os_error(error))
        code = EXIT_USAGE
    except MemoryError as error:
        complain(f"not enough memory{f' ({error})' if str(error) else ''}\nfix: hand in less at a time")
        code = EXIT_USAGE
    except SystemExit as left:
        # Whoever turns a signal into an exit says so by its code. A library that ends the process does not.
        signalled = isinstance(left.code, int) and left.code > SIGNALLED
        code = left.code if signalled else _unforeseen(left, arguments)
    except BaseException as error:  # noqa: BLE001 - panics of libraries in Rust are no Exception
        code = _unforeseen(error, arguments)
    return code if isinstance(code, int) else EXIT_OK


def _missing(error: ModuleNotFoundError, arguments: Sequence[str]) -> int:
    """Say which extra brings a module that is not installed; one that none brings is a fault of inkport's."""
    extra = extra_of((error.name or "").partition(".")[0])
    if not extra:
        return _unforeseen(error, arguments)
    complain(f"this needs {error.name}, which is not installed\nfix: pip install 'inkport[{extra}]'")
    return EXIT_UNAVAILABLE


def _unforeseen(error: BaseException, arguments: Sequence[str]) -> int:
    sys.stderr.write("".join(traceback.format_exception(error)))
    reason = "".join(traceback.format_exception_only(error)).strip()
    complain(
        f"an error that nobody foresaw: {reason}\n"
        "fix: this is a fault of inkport's, please report it: the lines above, what it happened with, and\n"
        f"     inkport {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
        f"     inkport {shlex.join(arguments)}"
    )
    return EXIT_UNFORESEEN


def _with_output(code: int, output: GuardedWriter) -> int:
    if not output.lost or output.error is None:
        return code
    complain(f"standard output: {describe_os_error(output.error)}; what is there is not all of it")
    return code or EXIT_USAGE
