"""A compression recipe: one TOML file, every key checked before anything is made."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from inkport.benchmarks.run.options import VerifyOptions
from inkport.compress.graph import START, check_names, sorted_stages, suggestion
from inkport.compress.lines import LineSets
from inkport.compress.stage import Stage, find_kind
from inkport.core.config import parse_config
from inkport.core.documents import read_toml
from inkport.core.errors import InkportError, RecipeError
from inkport.core.ranges import MOST_THREADS, require_seed


NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
"""What a stage may be called: its artifact lies in a folder of that name."""


@dataclass(frozen=True, kw_only=True)
class StageRow:
    """One ``[[stage]]`` of a recipe."""

    name: str
    """Its name, unique."""
    kind: str
    """What it does."""
    parent: str
    """The stage whose artifact it takes, or ``start``: the key ``from``."""
    stage: Stage
    """Its settings."""


@dataclass(frozen=True, kw_only=True)
class TargetRow:
    """One ``[[target]]`` of a recipe: what is measured."""

    stage: str
    """The stage whose artifact runs, or ``start``."""
    runtime: str
    """Name of a registered runtime."""
    name: str = ""
    """Its name, unique; stage and runtime if left out."""
    device: str = "cpu"
    """Device of the runtime, in the runtime's own words."""
    options: Mapping[str, str] = field(default_factory=dict)
    """VerifyOptions that only its runtime knows."""

    @property
    def label(self) -> str:
        """Its name in reports."""
        return self.name or f"{self.stage}, {self.runtime}"


@dataclass(frozen=True, kw_only=True)
class MeasureRecipe:
    """How members are measured.

    Raises:
        RecipeError: If a number is out of range.
    """

    threads: int = VerifyOptions.threads
    """Threads that every member computes with."""
    latency_lines: int = VerifyOptions.latency_lines
    """Most lines of val timed per member; 0 leaves the latency out."""
    memory: bool = True
    """Whether the peak memory is measured, each member in a process of its own."""
    seed: int = VerifyOptions.seed
    """Of the order of the timed lines."""

    def __post_init__(self) -> None:
        require_seed(self.seed)
        if not 1 <= self.threads <= MOST_THREADS or self.latency_lines < 0:
            raise RecipeError(
                f"measure: threads must be at least 1 and at most {MOST_THREADS:,}, latency_lines at least 0, "
                f"found {self.threads} and {self.latency_lines}"
            )


@dataclass(frozen=True, kw_only=True)
class CompressRecipe:
    """All that decides a compression, together with the files that it names."""

    start: str
    """A weights file or an artifact's directory, relative to the recipe, or the name of a shipped model."""
    lines: LineSets
    """Line sets; relative paths start at the recipe's folder."""
    stages: tuple[StageRow, ...]
    """The stages, each after its parent."""
    targets: tuple[TargetRow, ...]
    """What is measured."""
    measure: MeasureRecipe
    """How."""


@dataclass(frozen=True, kw_only=True)
class _File:
    start: str
    lines: LineSets
    target: tuple[TargetRow, ...]
    measure: MeasureRecipe = field(default_factory=MeasureRecipe)
    stage: tuple[Mapping[str, Any], ...] = ()


def load_compress_recipe(path: Path) -> CompressRecipe:
    """Read a recipe.

    Raises:
        RecipeError: If the file cannot be read, a key is unknown, a value is impossible, a name appears twice or
            leads nowhere, or stages wait for one another.
    """
    found = parse_config(_File, read_toml(path), where=str(path))
    rows = [_stage(table, where=f"{path}: stage {number}") for number, table in enumerate(found.stage, start=1)]
    check_names("stage", [row.name for row in rows], where=str(path))
    check_names("target", [target.label for target in found.target], where=str(path))
    _check_targets(found.target, [START, *(row.name for row in rows)], where=str(path))
    return CompressRecipe(
        start=found.start,
        lines=found.lines,
        stages=sorted_stages(rows, where=str(path)),
        targets=found.target,
        measure=found.measure,
    )


def _stage(table: Mapping[str, Any], *, where: str) -> StageRow:
    settings = dict(table)
    name, kind, parent = (_take(settings, key, where) for key in ("name", "kind", "from"))
    if not NAME.fullmatch(name) or name == START:
        raise RecipeError(
            f"{where}: name {name!r} cannot be used",
            remedy=f"letters, digits, '.', '_' and '-'; {START!r} is what the recipe starts from",
        )
    where = f"{where} ({name})"
    try:
        stage = parse_config(find_kind(kind, where=where), settings, where=where)
    except InkportError as error:
        # What a dataclass says of its own values does not say whose they are.
        message = error.message if error.message.startswith(where) else f"{where}: {error.message}"
        raise RecipeError(message, remedy=error.remedy) from error
    return StageRow(name=name, kind=kind, parent=parent, stage=stage)


def _take(settings: dict[str, Any], key: str, where: str) -> str:
    if key not in settings:
        near = get_close_matches(key, settings, n=1)
        raise RecipeError(
            f"{where}: the key {key!r} is missing",
            remedy=f"is {near[0]!r} meant to be {key!r}?" if near else "a stage has a name, a kind, and from",
        )
    value = settings.pop(key)
    if not isinstance(value, str):
        raise RecipeError(f"{where}.{key}: expected str, found {value!r}")
    return value


def _check_targets(targets: Sequence[TargetRow], known: Sequence[str], *, where: str) -> None:
    if not targets:
        raise RecipeError(f"{where}: nothing is to be measured", remedy="add a [[target]] with stage and runtime")
    for target in targets:
        if target.stage not in known:
            raise RecipeError(
                f"{where}: target {target.label!r} runs stage {target.stage!r}, which there is not",
                remedy=suggestion(target.stage, known),
            )
