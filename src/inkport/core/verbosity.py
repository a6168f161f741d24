"""How much a command says on standard error, beside its result, its warnings and its errors: those always come."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from enum import StrEnum


class Verbosity(StrEnum):
    """How much is said."""

    QUIET = "quiet"
    """Neither progress nor news on the way."""
    USUAL = "usual"
    """Progress on a terminal, and news."""
    VERBOSE = "verbose"
    """Also what is summed up otherwise: targets that cannot run here, and where an error came from."""


FLAGS = {
    "--quiet": Verbosity.QUIET,
    "-q": Verbosity.QUIET,
    "--verbose": Verbosity.VERBOSE,
    "-v": Verbosity.VERBOSE,
}
"""What sets it, anywhere on the command line before ``--``; the last one counts."""
_LEVEL: ContextVar[Verbosity] = ContextVar("_LEVEL", default=Verbosity.USUAL)


def take_verbosity(arguments: Sequence[str]) -> list[str]:
    """Set the verbosity of this process from the flags among arguments, and return the arguments without them."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    found = [FLAGS[word] for word in arguments[:end] if word in FLAGS]
    _LEVEL.set(found[-1] if found else Verbosity.USUAL)
    return [word for word in arguments[:end] if word not in FLAGS] + list(arguments[end:])


def is_quiet() -> bool:
    """Whether only results, warnings and errors are wanted."""
    return _LEVEL.get() is Verbosity.QUIET


def is_verbose() -> bool:
    """Whether everything is wanted."""
    return _LEVEL.get() is Verbosity.VERBOSE
