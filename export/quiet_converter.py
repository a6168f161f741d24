"""Running a converter so that it leaves no trace in the process and nothing on the terminal."""

from __future__ import annotations

import io
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from inkport.core.errors import ExportError, InkportError, is_refusal
from inkport.runtimes.sdk import native_output


def first_line(error: Exception) -> str:
    """Return the first line of what an error says, or its type where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


@contextmanager
def failing(
    stage: str, source: Path, *, ours: type[InkportError] = InkportError, said: Callable[[], str] = str
) -> Iterator[None]:
    """Make what a converter raises an error of ours.

    Args:
        stage: Name of the exporter, for the error.
        source: What is exported, likewise.
        ours: Errors that pass as they are.
        said: Returns what else the error ends with.

    Raises:
        ExportError: If the block raises anything but ``ours`` or ``ModuleNotFoundError``.
    """
    try:
        yield
    except (ours, ModuleNotFoundError):
        raise
    except Exception as error:
        if is_refusal(error):
            raise
        raise ExportError(f"{stage}: {source}: {first_line(error)}{said()}") from error


@contextmanager
def quiet_logger(name: str) -> Iterator[None]:
    """Let a logger report nothing below an error."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def quiet_converter(stage: str, source: Path) -> Iterator[None]:
    """Keep a converter's prints, warnings, log handlers and environment variables to itself.

    Args:
        stage: Name of the exporter, for the error.
        source: What is exported, likewise.

    Raises:
        ExportError: As ``failing``; it ends with the last line that the converter printed.
    """
    environment = dict(os.environ)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    printed = io.StringIO()
    try:
        with (
            native_output() as native,
            redirect_stdout(printed),
            redirect_stderr(printed),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")

            def last_line() -> str:
                last = (native() or printed.getvalue().strip()).splitlines()[-1:]
                return f"; it printed last: {last[0]}" if last else ""

            with failing(stage, source, said=last_line):
                yield
    finally:
        root.handlers[:], root.level = handlers, level
        os.environ.clear()
        os.environ.update(environment)
