"""Stages that make weights: ``prune`` makes a smaller network, ``train`` starts from the parent's weights."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkport.compress.stage import Context, Inputs
from inkport.compress.store import digest_path, is_line_set, paths_in, wrap_weights
from inkport.core.artifact import Artifact
from inkport.core.config import parse_config, to_plain
from inkport.core.documents import read_toml
from inkport.core.errors import LineDataError, RecipeError, SpecMismatchError, needing
from inkport.core.hub.reference import within
from inkport.core.spec import RecogniserSpec
from inkport.lines.audit import audit_for
from inkport.lines.source import digest_lines, read_lines
from inkport.train.recipe import Recipe, digest_settings


if TYPE_CHECKING:
    from inkport.train.prune.apply import Pruning
    from inkport.train.prune.importance import Calibration


BATCH = 32
"""Lines per batch for gradients and statistics."""


@dataclass(frozen=True, kw_only=True)
class PruneStage:
    """Keys of the table.

    Raises:
        RecipeError: If nothing is to be removed, or a number is out of range.
    """

    ratios: Mapping[str, float] = field(default_factory=dict)
    """Share to remove, by group; ``inkport prune groups`` lists them; they go before the file's."""
    file: Path | None = None
    """A pruning that ``inkport prune plan`` wrote."""
    every: float | None = None
    """Share of every group of channels, heads and hidden units that nothing else names."""
    importance: str | None = None
    """Importance measure that chooses what is removed; the file's, or group-l2, if left out."""
    multiple: int | None = None
    """What sizes are rounded to; the file's, or 8, if left out."""
    train_lines: int = 512
    """Training lines for Taylor importance and for statistics, spread evenly over all."""
    statistics: bool = False
    """Whether batch-norm statistics of the result are re-estimated on these lines."""

    def __post_init__(self) -> None:
        if not self.ratios and self.file is None and self.every is None:
            raise RecipeError("nothing is to be removed", remedy="name ratios, file or every")
        if self.train_lines < 1:
            raise RecipeError(f"train_lines must be at least 1, found {self.train_lines}")

    def inputs(self, context: Context) -> Inputs:
        """Return the file and, where the measure needs them, the training lines."""
        _need()
        pruning, digests = self._pruning(context), dict[str, Any]()
        if self.file is not None:
            digests["file"] = digest_path(context.base / self.file, context.index)
        if self._needs_lines(pruning):
            digests["train"] = context.index.digests(_sources(context))
        return Inputs(digests=digests)

    def make(self, parent: Artifact, out: Path, *, work: Path, context: Context) -> Artifact:
        """Prune the parent's weights."""
        if parent.format != "safetensors":
            raise RecipeError(f"weights are pruned, the parent is {parent.format} {parent.precision}")
        _need()
        from inkport.model.weights import load_weights, save_weights
        from inkport.train.prune.apply import prune_weights
        from inkport.train.prune.groups import convtext_network, prunable_groups

        weights, pruning = load_weights(parent.file(".safetensors")), self._pruning(context)
        if self.every is not None:
            groups = prunable_groups(convtext_network(weights).config)
            all_of = dict.fromkeys(sorted(name for name, group in groups.items() if not group.block), self.every)
            pruning = replace(pruning, ratios=all_of | dict(pruning.ratios))
        calibration = self._calibration(parent.spec, context) if self._needs_lines(pruning) else None
        small = prune_weights(weights, pruning, calibration=calibration, statistics=self.statistics)
        save_weights(work / "pruned.safetensors", small)
        return wrap_weights(work / "pruned.safetensors", out, stage="prune", parent=parent)

    def _pruning(self, context: Context) -> Pruning:
        from inkport.train.prune.apply import Pruning
        from inkport.train.prune.importance import Importance
        from inkport.train.prune.scan import load_pruning

        base = Pruning(ratios={}) if self.file is None else load_pruning(context.base / self.file)
        if self.importance is not None and self.importance not in set(Importance):
            raise RecipeError(f"importance {self.importance!r} is none", remedy=f"choose from {', '.join(Importance)}")
        return Pruning(
            ratios=dict(base.ratios) | dict(self.ratios),
            importance=base.importance if self.importance is None else Importance(self.importance),
            multiple=base.multiple if self.multiple is None else self.multiple,
        )

    def _needs_lines(self, pruning: Pruning) -> bool:
        return self.statistics or pruning.importance == "taylor"

    def _calibration(self, spec: RecogniserSpec, context: Context) -> Calibration:
        from inkport.train.prune.importance import calibration_of

        lines = list(read_lines(_sources(context)))
        count = min(self.train_lines, len(lines))
        audit = audit_for([lines[index * len(lines) // count] for index in range(count)], spec, skip=context.lines.skip)
        if not audit.lines:
            raise LineDataError("lines.train has no usable line for statistics")
        batches = max(1, len(audit.lines) // BATCH)
        return calibration_of(audit, spec, digest=digest_lines(audit.lines), count=batches, size=BATCH, seed=1)


def _sources(context: Context) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(context.found.train))


def _need() -> None:
    with needing("pruning", extra="prune"):
        import torch  # noqa: F401
        import torch_pruning  # noqa: F401


if TYPE_CHECKING:
    from inkport.train.loop import Report


PARENT = "parent"
"""Stands for what the parent decides, until it is there."""


@dataclass(frozen=True, kw_only=True)
class TrainStage:
    """Keys of the table.

    Raises:
        RecipeError: If there is not exactly one recipe.
    """

    recipe: Mapping[str, Any] | None = None
    """A training recipe; lines that it does not name are those of the whole recipe."""
    file: Path | None = None
    """A training recipe in a file of its own, which names its lines; the parent takes the place of its ``start``."""

    def __post_init__(self) -> None:
        if (self.recipe is None) == (self.file is None):
            raise RecipeError("a train stage has either a table 'recipe' or a 'file'")

    def inputs(self, context: Context) -> Inputs:
        """Return the recipe with the digests of all that it names."""
        recipe, base = self._read(context)
        named = [(where, within(base, path)) for where, path in paths_in(recipe) if where != ("start",)]
        digests = [[".".join(where), digest_path(path, context.index)] for where, path in named]
        sets = [(where == ("data", "val"), path) for where, path in named if is_line_set(path)]
        return Inputs(
            # Where the files lie does not matter, and the digests say what they hold.
            digests={"recipe": digest_settings(_without_paths(recipe)), "named": digests},
            train=tuple(path for chooses, path in sets if not chooses),
            val=tuple(path for chooses, path in sets if chooses),
        )

    def make(self, parent: Artifact, out: Path, *, work: Path, context: Context) -> Artifact:
        """Train; a killed training goes on from its checkpoint in ``work``."""
        if parent.format != "safetensors":
            raise RecipeError(f"a training starts from weights, the parent is {parent.format} {parent.precision}")
        with needing("training", extra="train"):
            import torch
        from inkport.train.device import Group
        from inkport.train.loop import Trainer
        from inkport.train.prepare import prepare_data

        if context.threads is not None:
            torch.set_num_threads(context.threads)
        recipe, base = self._read(context)
        if recipe.model not in {PARENT, parent.spec.name}:
            raise SpecMismatchError(f"the training is of {recipe.model}, its parent is a {parent.spec.name}")
        version = parent.spec.version if recipe.version == PARENT else recipe.version
        recipe = replace(recipe, model=parent.spec.name, version=version, preprocess=parent.spec.preprocess)
        data = prepare_data(replace(recipe, start=parent.file(".safetensors").resolve()), base)
        if data.spec.charset != parent.spec.charset:
            raise SpecMismatchError(
                "the training would change the symbols, and could not be compared with its parent",
                remedy='leave charset = "start", which a training has here by default',
            )
        # The path would say where this run lies, and not from which weights it starts.
        recipe = replace(recipe, start=Path(f"sha256-{parent.digest}"))
        trainer = Trainer(recipe, data, work, group=Group(), report=_report(context, recipe.optim.steps))
        if trainer.step:
            context.say(f"continuing after step {trainer.step}")
        trainer.run()
        shutil.copyfile(work / "log.jsonl", out.parent / "log.jsonl")
        return wrap_weights(work / "best.safetensors", out, stage="train", parent=parent)

    def _read(self, context: Context) -> tuple[Recipe, Path]:
        """Return the recipe and the folder that its paths start from."""
        if self.file is not None:
            path = context.base / self.file
            table, base, where = read_toml(path) | {"start": PARENT}, path.parent, str(path)
        else:
            table, base, where = dict(self.recipe or {}), context.base, "recipe of a train stage"
        if "start" in (self.recipe or {}):
            raise RecipeError(f"{where}: names start", remedy="leave it out: the stage starts from its parent")
        if not isinstance(data := table.get("data", {}), Mapping):
            raise RecipeError(f"{where}.data: expected a table, found {data!r}")
        lines = {} if self.file else to_plain(context.lines)
        own = {"data": {key: value for key, value in lines.items() if key != "test"} | dict(data)}
        defaults = {"model": PARENT, "version": PARENT, "charset": "start", "start": PARENT}
        return parse_config(Recipe, defaults | table | own, where=where), base


def _without_paths(value: Any) -> Any:
    if isinstance(value, Path):
        return Path("-")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _without_paths(getattr(value, f.name)) for f in dataclasses.fields(value)})
    return tuple(map(_without_paths, value)) if isinstance(value, tuple) else value


def _report(context: Context, steps: int) -> Report:
    def show(entry: dict[str, Any]) -> None:
        if "val_cer" in entry:
            rates = ", ".join(f"{name} {rate:.4f}" for name, rate in entry["val_cer"].items())
            context.say(f"step {entry['step']}/{steps}  validation CER: {rates}")
        else:
            context.progress(f"training, loss {entry['loss']:.3f}, step", entry["step"], steps)

    return show
