"""What a stage is: settings that can make an artifact of another one, and say what the result depends on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from inkport.benchmarks.run.progress import Progress, silent
from inkport.compress.lines import LineIndex, LineSets
from inkport.core.artifact import Artifact
from inkport.core.errors import RecipeError


KINDS = {
    "train": "inkport.compress.kinds.train:TrainStage",
    "prune": "inkport.compress.kinds.prune:PruneStage",
    "export": "inkport.compress.kinds.export:ExportStage",
    "quantise": "inkport.compress.kinds.quantize:QuantizeStage",
}
"""Every kind, as ``module:class``; imported only when a recipe names it."""


def say_nothing(text: str) -> None:
    """Drop a message."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """What all stages of a run share."""

    base: Path
    """Folder that relative paths of the recipe start from."""
    lines: LineSets
    """The recipe's line sets, paths as they are written there: they are recorded, and say nothing of the machine."""
    index: LineIndex
    """Ids and digests of line sets, each read once."""
    exports: Path
    """Folder that exports of one parent share, so that a graph on the way to several formats is made once."""
    threads: int | None = None
    """CPU threads of trainings; torch decides if None."""
    say: Callable[[str], None] = say_nothing
    """Told what has happened, one line each."""
    progress: Progress = silent
    """Told how far a stage is."""

    @property
    def found(self) -> LineSets:
        """The line sets with paths that can be read."""
        return self.lines.within(self.base)


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What a stage's result depends on besides its keys and its parent."""

    digests: Mapping[str, Any] = field(default_factory=dict)
    """Plain data that says so: digests, no paths."""
    train: tuple[Path, ...] = ()
    """Line sets that it learns from, beyond the recipe's own."""
    val: tuple[Path, ...] = ()
    """Line sets that it chooses by, likewise."""


class Stage(Protocol):
    """One kind of stage: a frozen dataclass whose fields are the keys of its table in the recipe."""

    def inputs(self, context: Context) -> Inputs:
        """Return what the result depends on.

        Called before anything is made, so that a mistake is found before hours are spent.

        Raises:
            InkportError: If the settings cannot work, or something that they name cannot be read.
        """

    def make(self, parent: Artifact, out: Path, *, work: Path, context: Context) -> Artifact:
        """Make the artifact.

        Args:
            parent: What it is made from.
            out: Its folder, written in one step.
            work: Folder for what a killed run takes up again; empty at first.
            context: Shared things.

        Returns:
            The artifact at ``out``, digests checked.

        Raises:
            InkportError: If it cannot be made.
        """


def find_kind(name: str, *, where: str) -> type[Stage]:
    """Return the class of a kind.

    Args:
        name: Its name in the recipe.
        where: The stage, for errors.

    Raises:
        RecipeError: If there is no such kind.
    """
    if name not in KINDS:
        near = get_close_matches(name, KINDS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"kinds: {', '.join(KINDS)}"
        raise RecipeError(f"{where}: unknown kind {name!r}", remedy=hint)
    module, _, found = KINDS[name].partition(":")
    return cast("type[Stage]", getattr(import_module(module), found))
