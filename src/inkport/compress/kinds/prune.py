"""``kind = "prune"``: a smaller network, as ``inkport prune apply`` makes it; a ``train`` stage then fine-tunes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkport.compress.stage import Context, Inputs
from inkport.compress.store import digest_path, wrap_weights
from inkport.core.artifact import Artifact
from inkport.core.errors import LineDataError, RecipeError, needing
from inkport.core.spec import RecogniserSpec
from inkport.lines.audit import audit_for
from inkport.lines.source import digest_lines, read_lines


if TYPE_CHECKING:
    from inkport.train.prune.apply import Pruning
    from inkport.train.prune.batches import Calibration


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
        from inkport.train.prune.plan import load_pruning

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
        from inkport.train.prune.batches import calibration_of

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
