"""Options that several commands have, and what holds for all of them."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

from cyclopts import Group, Parameter, Token, convert

from inkport.core.config import LARGEST, require_seed, require_threads
from inkport.core.errors import UsageError
from inkport.core.files import require_file, require_folder
from inkport.lines.problem import Finding, Problem, summarise


NAME_IT_FIRST = "an option that takes several values takes all up to the next option: put MODEL before it, or behind --"
"""What is said where an option has swallowed what was meant for the command."""
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
            makes of a variable that is not set: they would be rounded, and taken for the current folder. If an option
            that takes several values has taken one that can be none of its own.
    """
    leaves = _leaves(type_)
    for token in tokens:
        if len(tokens) > 1 and token.keyword and leaves & {int, float} and not _is_number(token.value):
            raise ValueError(f"expected numbers, found {token.value!r}; {NAME_IT_FIRST}")
        if int in leaves and "." in token.value:
            raise ValueError(f"expected a whole number, found {token.value!r}")
        if Path in leaves and not token.value:
            raise ValueError("expected a path, found an empty text")
    return convert(type_, tokens)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _leaves(hint: Any) -> set[Any]:
    """Return the types that a hint is made of: ``int`` for ``tuple[int, ...] | None``."""
    parts = get_args(hint)
    return set().union(*map(_leaves, parts)) if parts else {hint}


def require_artifact(path: Path) -> None:
    """Refuse a path that can be no artifact's folder: what it holds would be replaced, so it must be one or empty.

    Raises:
        UsageError: If so.
    """
    # Artifacts need numpy, which --help must not load.
    from inkport.core.artifact import refuse_to_replace

    require_folder(path)
    refuse_to_replace(path)


def _require_place(path: Path) -> None:
    (require_folder if path.is_dir() else require_file)(path)


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
Jobs = Annotated[int, _parallel("jobs")]
"""Processes side by side."""
OutFolder = Annotated[Path, _output(require_folder)]
"""A folder that files are written into."""
OutFile = Annotated[Path, _output(require_file)]
"""A file that is written, or replaced."""
OutPlace = Annotated[Path, _output(_require_place)]
"""A file, or a folder that files are written into: what else is asked for decides."""
OutArtifact = Annotated[Path, _output(require_artifact)]
"""A folder that becomes an artifact's, or is one that is replaced."""
Words = Annotated[tuple[str, ...], Parameter(consume_multiple=True)]
"""Several names."""
Assignments = Annotated[tuple[str, ...], Parameter(name="--set")]
"""Changes of settings, as key=value in TOML, one each time that the option is given."""


SHARED = {
    ("--json",): "Print the result as JSON.",
    ("--threads",): "Threads of the computation; 1 unless a command says otherwise.",
    ("--skip",): "Problems whose lines are left out and counted, instead of refused, separated by commas: "
    f"{', '.join(Problem)}.",
    ("--quiet", "-q"): "Show neither progress nor news on standard error; warnings and errors are shown. Any command.",
    ("--verbose", "-v"): "List what is summed up otherwise, and show where errors come from. Any command.",
}
"""Options that many commands have, and their help: `inkport --help` has it once, a command only names them."""


def name_no_command() -> None:
    """End where a shared option stands alone.

    Raises:
        UsageError: Always.
    """
    raise UsageError("a shared option needs a command", remedy="inkport --help lists the commands")


def _name_shared(console: Any, options: Any, panel: Any) -> None:  # noqa: ARG001 - cyclopts names them
    """Write the line of a command's help that names a shared option."""
    console.print(f"Shared option, see inkport --help: {panel.title}", style="dim", highlight=False)


def _shared(name: str) -> Parameter:
    return Parameter(show=False, group=Group(name, help_formatter=_name_shared))


Json = Annotated[bool, Parameter(name="--json"), _shared("json")]
"""Whether the result is printed as JSON."""
Threads = Annotated[int, _parallel("threads"), _shared("threads")]
"""Threads of a computation."""
Skip = Annotated[str, _shared("skip")]
"""Problems by name, separated by commas; ``problems_of`` reads it."""


def say_skipped(findings: Sequence[Finding]) -> None:
    """Count on stderr the lines that were left out by request."""
    if findings:
        sys.stderr.write(f"left out by --skip: {len(findings)} lines ({summarise(findings)})\n")
