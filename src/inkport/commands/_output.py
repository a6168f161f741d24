"""What commands print besides their result: where its files are, warnings, and news on the way."""

from __future__ import annotations

import sys
from collections.abc import Callable

from inkport.benchmarks.report.presentation import Presentation, summed_up
from inkport.core.console import results
from inkport.core.errors import EXIT_OK, EXIT_USAGE, describe_os_error
from inkport.core.processors import count_processors, sharing
from inkport.core.program import complain
from inkport.core.verbosity import is_quiet, is_verbose


def deliver(text: str, *, files: Callable[[], object], where: str = "", code: int = EXIT_OK) -> int:
    """Print a result, write its files, and return the exit code.

    The result is printed first: a disk that is full by now must not take a measurement of hours along.

    Args:
        text: What is printed.
        files: Writes the files.
        where: What to say of where they are; nothing if empty.
        code: The exit code that the result itself means. One that is not 0 stays, whatever becomes of the files.

    Returns:
        ``code``, or 2 if that is 0 and the files could not be written.
    """
    results().write(text)
    results().flush()
    try:
        files()
    except OSError as error:
        complain(f"the result above is not in its files: {describe_os_error(error)}")
        return code or EXIT_USAGE
    if where and not is_quiet():
        sys.stderr.write(f"report: {where}\n")
    return code


def as_wanted(shown: Presentation) -> Presentation:
    """Return a report with what could not be tried here summed up, unless everything is wanted."""
    return shown if is_verbose() else summed_up(shown)


def say(text: str) -> None:
    """Write news on the way, in place of a progress line if the terminal shows one; nothing if that is not wanted."""
    if is_quiet():
        return
    clear = "\r\x1b[K" if sys.stderr.isatty() else ""
    sys.stderr.write(f"{clear}{text}\n")


def warn(text: str) -> None:
    """Write a warning."""
    sys.stderr.write(f"warning: {text}\n")


def warn_of_sharing(threads: int) -> None:
    """Warn if there are fewer processors than threads: they take turns, and times are longer than with fewer."""
    if shared := sharing(threads, count_processors()):
        warn(f"{shared}: they take turns, and a line takes longer than with fewer threads")
