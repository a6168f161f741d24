"""A pruning as a TOML file, made by hand or by the planner."""

from __future__ import annotations

from pathlib import Path

from inkport.core.config import parse_config
from inkport.core.documents import read_toml
from inkport.train.prune.apply import Pruning


def load_pruning(path: Path) -> Pruning:
    """Read a pruning.

    Raises:
        RecipeError: If the file is missing, is not TOML, or has an unknown key or a wrong type.
        UsageError: If a value is out of range.
    """
    return parse_config(Pruning, read_toml(path), where=str(path))


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
