"""Code of others inside our process: whatever it raises is its own failure, and ends no run and no verdict."""

from __future__ import annotations

from inkport.core.errors import RuntimeExecutionError


class Ended(SystemExit):
    """This process was told to end: by a signal, not by code of others."""


OURS = (KeyboardInterrupt, GeneratorExit, Ended)
"""What is meant for the whole process."""


def failure_of(error: BaseException, *, label: str = "its library") -> Exception:
    """Return what an exception out of code of others counts as.

    A library that calls ``sys.exit(0)`` would end a verification with the exit code of success and without a report.

    Args:
        error: What was raised.
        label: Names the code.

    Raises:
        BaseException: The error itself, if it is meant for the whole process.
    """
    if isinstance(error, Exception):
        return error
    if isinstance(error, OURS):
        raise error
    if isinstance(error, SystemExit):
        return RuntimeExecutionError(f"{label}: tried to end the whole process (exit code {error.code!r})")
    return RuntimeExecutionError(f"{label}: failed with {error!r}")
