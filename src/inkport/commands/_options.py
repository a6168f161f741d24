"""Options that several commands have, and what holds for all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

from cyclopts import Parameter, Token, convert

from inkport.core.ranges import LARGEST, require_seed, require_threads
from inkport.core.writable import require_artifact, require_file, require_folder


LONGEST_S = 10_000_000
"""Longest that anything may take, in seconds: 115 days. Clocks of the system overflow at some hundred years."""


def refuse_impossible_numbers(_: object, value: object) -> None:
    """Refuse NaN, infinity, and integers that no library takes; the validator of every option.

    No limit means anything at infinity: it looks like one and checks nothing. With NaN every comparison is false.

    Raises:
        ValueError: If ``value``, or a part of it, is such a number.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"expected a finite number, found {value}")
    if isinstance(value, int | float) and abs(value) > LARGEST:
        raise ValueError("expected a number of at most 64 bits")
    if isinstance(value, list | tuple):
        for item in value:
            refuse_impossible_numbers(_, item)
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            try:
                refuse_impossible_numbers(_, getattr(value, field.name))
            except ValueError as error:
                raise ValueError(f"--{field.name.replace('_', '-')}: {error}") from error


def convert_strictly(type_: Any, tokens: Sequence[Token]) -> Any:
    """Convert the value of an option to its type, and repair nothing; the converter of every option.

    Raises:
        ValueError: If it is a fraction where a whole number is wanted, or an empty text where a path is, which a shell
            makes of a variable that is not set: they would be rounded, and taken for the current folder.
    """
    leaves = _leaves(type_)
    for token in tokens:
        if int in leaves and "." in token.value:
            raise ValueError(f"expected a whole number, found {token.value!r}")
        if Path in leaves and not token.value:
            raise ValueError("expected a path, found an empty text")
    return convert(type_, tokens)


def _leaves(hint: Any) -> set[Any]:
    """Return the types that a hint is made of: ``int`` for ``tuple[int, ...] | None``."""
    parts = get_args(hint)
    return set().union(*map(_leaves, parts)) if parts else {hint}


def _output(check: Callable[[Path], None]) -> Parameter:
    """Return the declaration of an option that names where a result goes: checked before anything is read."""

    def validate(_: object, value: Any) -> None:
        if isinstance(value, Path):
            check(value)

    return Parameter(validator=validate)


EVERY_OPTION = Parameter(negative=(), converter=convert_strictly, validator=refuse_impossible_numbers)
"""What holds for every option of every command."""


def _parallel(name: str) -> Parameter:
    """Return the declaration of an option that says how many threads or processes run."""

    def validate(_: object, value: Any) -> None:
        if value is not None:
            require_threads(value, name)

    return Parameter(validator=validate)


def _require_seed(_: object, value: Any) -> None:
    if value is not None:
        require_seed(value)


def _require_seconds(_: object, value: Any) -> None:
    if value is not None and not 0 < value <= LONGEST_S:
        raise ValueError(f"expected seconds above 0 and at most {LONGEST_S:,}, found {value:g}")


def _at_least(least: int) -> Parameter:
    """Return the declaration of an option that counts something."""

    def validate(hint: object, value: Any) -> None:
        refuse_impossible_numbers(hint, value)
        if value is not None and value < least:
            raise ValueError(f"expected at least {least}, found {value}")

    return Parameter(validator=validate)


Most = Annotated[int, _at_least(0)]
"""How many of something are taken at most, where 0 takes all or none."""
Seed = Annotated[int, Parameter(validator=_require_seed)]
"""Seed of random numbers."""
Count = Annotated[int, _at_least(1)]
"""How many of something there are to be."""
Seconds = Annotated[float, Parameter(validator=_require_seconds)]
"""How long something may take."""
Threads = Annotated[int, _parallel("threads")]
"""Threads of a computation."""
Jobs = Annotated[int, _parallel("jobs")]
"""Processes side by side."""
OutFolder = Annotated[Path, _output(require_folder)]
"""A folder that files are written into."""
OutFile = Annotated[Path, _output(require_file)]
"""A file that is written, or replaced."""
OutArtifact = Annotated[Path, _output(require_artifact)]
"""A folder that becomes an artifact's, or is one that is replaced."""
