"""A pruning as a TOML file, made by hand or by the planner."""

from __future__ import annotations

import tomllib
from pathlib import Path

from inkport.core.config import parse_config
from inkport.core.errors import RecipeError
from inkport.train.prune.apply import Pruning


def load_pruning(path: Path) -> Pruning:
    """Read a pruning.

    Raises:
        RecipeError: If the file is missing, is not TOML, or has an unknown key or a wrong type.
        UsageError: If a value is out of range.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read ({error})") from error
    return parse_config(Pruning, data, where=str(path))


def format_pruning(pruning: Pruning, *, note: str) -> str:
    """Return a pruning as TOML, with a note as its first line."""
    lines = [
        f"# {note}",
        f'importance = "{pruning.importance.value}"',
        f"multiple = {pruning.multiple}",
        "",
        "[ratios]",
    ]
    lines += [f'"{name}" = {float(ratio)}' for name, ratio in pruning.ratios.items()]
    return "\n".join(lines) + "\n"
