"""Options that several commands have, and what holds for all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter, Token

from inkport.core.config import LARGEST
from inkport.core.writable import require_artifact, require_file, require_folder


def refuse_impossible_numbers(_: object, value: object) -> None:
    """Refuse NaN, infinity, and integers that no library takes; the validator of every option.

    No limit means anything at infinity: it looks like one and checks nothing. With NaN every comparison is false.

    Raises:
        ValueError: If ``value``, or a part of it, is such a number.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"expected a finite number, found {value}")
    if isinstance(value, int) and abs(value) > LARGEST:
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


def _output(check: Callable[[Path], None]) -> Parameter:
    """Return the declaration of an option that names where a result goes: checked before anything is read."""

    def convert(_: object, tokens: Sequence[Token]) -> Path:
        # "" is what a shell makes of a variable that is not set; Path would take it for the current folder.
        if not tokens[0].value:
            raise ValueError("expected a path, found an empty text")
        return Path(tokens[0].value)

    def validate(_: object, value: Any) -> None:
        if isinstance(value, Path):
            check(value)

    return Parameter(converter=convert, validator=validate)


OutFolder = Annotated[Path, _output(require_folder)]
"""A folder that files are written into."""
OutFile = Annotated[Path, _output(require_file)]
"""A file that is written, or replaced."""
OutArtifact = Annotated[Path, _output(require_artifact)]
"""A folder that becomes an artefact's, or is one that is replaced."""
