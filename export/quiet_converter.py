"""Running a converter so that it leaves no trace in the process and nothing on the terminal."""

from __future__ import annotations

import io
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from inkport.core.errors import ExportError, InkportError
from inkport.core.exits import is_refusal
from inkport.runtimes.quiet import native_output


@contextmanager
def contained(stage: str, source: Path) -> Iterator[None]:
    """Keep a converter's prints, warnings, log handlers and environment variables to itself.

    Args:
        stage: Name of the exporter, for the error.
        source: What is exported, likewise.

    Raises:
        ExportError: If the block raises anything but our own errors or ``ModuleNotFoundError``; it ends with the
            last line that the converter printed.
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
            try:
                yield
            except (InkportError, ModuleNotFoundError):
                raise
            except Exception as error:
                if is_refusal(error):
                    raise
                reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
                last = (native() or printed.getvalue().strip()).splitlines()[-1:]
                said = f"; it printed last: {last[0]}" if last else ""
                raise ExportError(f"{stage}: {source}: {reason}{said}") from error
    finally:
        root.handlers[:], root.level = handlers, level
        os.environ.clear()
        os.environ.update(environment)
