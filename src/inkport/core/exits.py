"""What an exit code means, and which one an error ends in."""

from __future__ import annotations

import errno

from inkport.core.errors import (
    ArtifactError,
    CheckpointError,
    DataError,
    InkportError,
    RuntimeCollisionError,
    RuntimeUnavailableError,
    SpecError,
    UnknownRuntimeError,
    UnsupportedFormatError,
    UsageError,
)


EXIT_OK = 0
"""All well."""
EXIT_REGRESSED = 1
"""A target regressed, or a stage failed: the work was done, and this is what came out."""
EXIT_USAGE = 2
"""The request or its data is wrong, or this machine has no room for it: disk, permission, memory."""
EXIT_UNAVAILABLE = 3
"""A requested runtime or target is not available here."""
EXIT_UNFORESEEN = 70
"""A fault of inkport's own; the number is EX_SOFTWARE of sysexits.h."""
EXIT_INTERRUPTED = 130
"""Interrupted from the keyboard: 128 and the number of SIGINT, as shells have it."""
SIGNALLED = 128
"""Codes above it say that a signal ended the process."""

USAGE = (
    UsageError,
    DataError,
    SpecError,
    ArtifactError,
    CheckpointError,
    UnknownRuntimeError,
    RuntimeCollisionError,
    UnsupportedFormatError,
)
"""Errors whose cause is in what was asked or handed in."""


REFUSALS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO}
)
"""What the system says where it has no room for anybody: no converter, runtime or target is at fault."""


def is_refusal(error: BaseException) -> bool:
    """Whether the machine, and not what ran on it, is the reason of an error; no other target would fare better."""
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in REFUSALS)


def exit_code(error: InkportError) -> int:
    """Return the exit code that a command ends with after ``error``."""
    if isinstance(error, RuntimeUnavailableError):
        return EXIT_UNAVAILABLE
    return EXIT_USAGE if isinstance(error, USAGE) else EXIT_REGRESSED


def describe_os_error(error: OSError) -> str:
    """Return in one sentence what the system refused, and of which file."""
    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    reason = error.strerror or str(error) or type(error).__name__
    return f"{' and '.join(names)}: {reason}" if names else reason
