"""Training a finder: pages and a recipe in, checkpoints, log and weights out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from inkport.core.config import to_plain
from inkport.model.finder import Finder
from inkport.model.finder_weights import FinderWeights, save_finder
from inkport.train.checkpoint import load_checkpoint, save_checkpoint
from inkport.train.finder.objective import finder_loss
from inkport.train.finder.prepare import PreparedPages
from inkport.train.finder.recipe import FinderRecipe
from inkport.train.finder.scene import Example
from inkport.train.finder.sheets import Sheets
from inkport.train.finder.validate import ALL, Found, validate
from inkport.train.log import TrainingLog, Viewer
from inkport.train.optim import MovingAverage, Optimiser, TrainedObjectives, learning_rate


LAST, BEST = "finder.safetensors", "best.safetensors"
"""Names of the averaged weights of the last validation, and of the best one."""
LOG_EVERY = 50
"""Steps between losses in the log."""

Report = Callable[[dict[str, Any]], None]
"""Called with each log entry."""


class FinderTrainer:
    """One run on the CPU: build it, then call ``run``; a run that was killed goes on where its checkpoint says.

    What it draws depends on the seed and the step alone, so that a resumed run is an uninterrupted one.

    Args:
        recipe: Settings.
        data: The recipe's pages.
        out: Folder for ``checkpoint.safetensors``, ``finder.safetensors``, ``best.safetensors`` and ``log.jsonl``.
        report: Called with each log entry.
        viewers: Who else is handed each entry, once in all resumed parts of the run.

    Raises:
        CheckpointError: If ``out`` holds a checkpoint of another recipe or of other pages.
        LineDataError: If no page would ever be drawn.
    """

    def __init__(
        self, recipe: FinderRecipe, data: PreparedPages, out: Path, *, report: Report, viewers: Sequence[Viewer] = ()
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.data, self.out, self.report = recipe, data, out, report
        self.sheets = Sheets(recipe, data.train, data.writing)
        self.network = Finder(recipe.network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = MovingAverage(self.network, recipe.optim.ema)
        self.optimiser = Optimiser(self.network, recipe.optim)
        self.nothing = TrainedObjectives({}, recipe.optim)
        self.step, self.lost = 0, float("inf")
        if self._checkpoint.exists():
            self.step, self.lost = load_checkpoint(
                self._checkpoint,
                recipe_digest=self._identity,
                network=self.network,
                average=self.average,
                optimiser=self.optimiser,
                trained_objectives=self.nothing,
            )
        self.log = TrainingLog(out, step=self.step, viewers=viewers)

    def run(self) -> float:
        """Train to the last step and return the best mean of recall and precision on the validation pages."""
        recipe = self.recipe
        losses: list[Tensor] = []
        while self.step < recipe.optim.steps:
            losses.append(self._update())
            self.step += 1
            last = self.step == recipe.optim.steps
            if self.step % LOG_EVERY == 0 or last:
                loss = round(float(torch.stack(losses).mean()), 5)
                self._log({"step": self.step, "loss": loss, "lr": learning_rate(self.step - 1, recipe.optim)})
                losses = []
            if self.step % recipe.validate_every == 0 or last:
                self._validate()
            if self.step % recipe.checkpoint_every == 0 or last:
                self._save()
        return 1 - self.lost

    def _update(self) -> Tensor:
        recipe = self.recipe
        rng = np.random.default_rng((recipe.seed, self.step))
        examples = [self.sheets.example(rng) for _ in range(recipe.optim.batch)]
        self.network.train()
        images = torch.from_numpy(np.stack([example.image for example in examples]))[:, None].float() / 255
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.optim.bf16):
            maps, turns = self.network(images.contiguous(memory_format=torch.channels_last))
        loss = finder_loss(maps.float(), turns.float(), *_truth(examples))
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), recipe.optim.clip)
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.step, recipe.optim)
        self.optimiser.step()
        self.average.update(self.network, self.step)
        return loss.detach()

    def _validate(self) -> None:
        network = Finder(self.recipe.network)
        network.load_state_dict(self.average.tensors())
        counts = validate(network.eval(), self.data.val)
        rates = {
            "val_recall": {name: round(found.recall, 5) for name, found in counts.items()},
            "val_precision": {name: round(found.precision, 5) for name, found in counts.items()},
        }
        self._log({"step": self.step, **rates})
        weights = self._weights(counts)
        save_finder(self.out / LAST, weights)
        lost = 1 - (counts[ALL].recall + counts[ALL].precision) / 2
        if lost < self.lost:
            self.lost = lost
            save_finder(self.out / BEST, weights)

    def _weights(self, counts: Mapping[str, Found]) -> FinderWeights:
        recipe, pages = self.recipe, self.data.train
        return FinderWeights(
            version=recipe.version,
            config=recipe.network,
            provenance={
                "recipe": to_plain(recipe) | {"digest": recipe.digest},
                "step": self.step,
                "train_pages": {"count": len(pages), "sha256": self.data.digest},
                "page_licences": sorted({page.licence for page in pages if page.licence}),
                "page_digests": dict(self.data.page_digests),
                "val_recall": counts[ALL].recall,
                "val_precision": counts[ALL].precision,
            },
            licence=recipe.licence,
            attribution=recipe.attribution,
            tensors=self.average.tensors(),
        )

    def _save(self) -> None:
        save_checkpoint(
            self._checkpoint,
            recipe_digest=self._identity,
            step=self.step,
            best=self.lost,
            network=self.network,
            average=self.average,
            optimiser=self.optimiser,
            trained_objectives=self.nothing,
        )

    @property
    def _checkpoint(self) -> Path:
        return self.out / "checkpoint.safetensors"

    @property
    def _identity(self) -> str:
        """What a checkpoint belongs to: the recipe, and what its files hold."""
        return f"{self.recipe.digest} {self.data.digest}"

    def _log(self, entry: dict[str, Any]) -> None:
        self.log.add(entry)
        self.report(entry)


def _truth(examples: Sequence[Example]) -> tuple[Tensor, Tensor, Tensor]:
    return (
        torch.from_numpy(np.stack([example.maps for example in examples])),
        torch.from_numpy(np.stack([example.known for example in examples])),
        torch.from_numpy(np.stack([example.turns for example in examples])),
    )
