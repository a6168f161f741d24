"""Training a finder: page sets and a recipe in, checkpoints, log and weights out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from inkport.model.finder import Finder
from inkport.train.checkpoint import load_checkpoint, save_checkpoint
from inkport.train.finder.objective import finder_loss
from inkport.train.finder.page_set import TruePage
from inkport.train.finder.recipe import FinderRecipe
from inkport.train.finder.scene import Example, make_example
from inkport.train.optim import MovingAverage, Optimiser, TrainedObjectives, learning_rate


class FinderTrainer:
    """One run. What it draws depends on the seed and the step alone, so that a resumed run is an uninterrupted one.

    Args:
        recipe: Settings.
        pages: To train on.
        out: Folder for ``checkpoint.safetensors`` and ``log.jsonl``.
        report: Is given each entry of the log.
    """

    def __init__(
        self, recipe: FinderRecipe, pages: Sequence[TruePage], out: Path, *, report: Callable[[dict[str, Any]], None]
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.pages, self.out, self.report = recipe, pages, out, report
        self.grays = [page.gray() for page in pages]
        shares = np.array([recipe.shares.get(page.dataset, 1.0) for page in pages])
        self.shares = shares / shares.sum()
        self.network = Finder().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = MovingAverage(self.network, recipe.optim.ema)
        self.optimiser = Optimiser(self.network, recipe.optim)
        self.nothing = TrainedObjectives({}, recipe.optim)
        self.step = 0
        if self._checkpoint.exists():
            self.step, _ = load_checkpoint(
                self._checkpoint,
                recipe_digest=recipe.digest,
                network=self.network,
                average=self.average,
                optimiser=self.optimiser,
                trained_objectives=self.nothing,
            )

    def run(self, validate: Callable[[nn.Module], dict[str, Any]]) -> dict[str, Tensor]:
        """Train to the last step.

        Args:
            validate: Is given the averaged network every ``validate_every`` steps, and returns an entry of the log.

        Returns:
            The averaged weights.
        """
        recipe, losses = self.recipe, []
        while self.step < recipe.optim.steps:
            losses.append(self._update())
            self.step += 1
            last = self.step == recipe.optim.steps
            if self.step % 50 == 0 or last:
                self._log({"step": self.step, "loss": round(float(torch.stack(losses).mean()), 5)})
                losses = []
            if self.step % recipe.validate_every == 0 or last:
                network = Finder()
                network.load_state_dict(self.average.tensors())
                self._log({"step": self.step, **validate(network.eval())})
            if self.step % recipe.checkpoint_every == 0 or last:
                self._save()
        return self.average.tensors()

    def _update(self) -> Tensor:
        recipe = self.recipe
        examples = self._examples()
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

    def _examples(self) -> list[Example]:
        rng = np.random.default_rng((self.recipe.seed, self.step))
        picked = rng.choice(len(self.pages), self.recipe.optim.batch, p=self.shares)
        behind = rng.integers(len(self.pages), size=len(picked))
        return [
            make_example(self.grays[front], self.pages[front].lines, self.grays[back], rng)
            for front, back in zip(picked, behind, strict=True)
        ]

    def _save(self) -> None:
        save_checkpoint(
            self._checkpoint,
            recipe_digest=self.recipe.digest,
            step=self.step,
            best=float("inf"),
            network=self.network,
            average=self.average,
            optimiser=self.optimiser,
            trained_objectives=self.nothing,
        )

    @property
    def _checkpoint(self) -> Path:
        return self.out / "checkpoint.safetensors"

    def _log(self, entry: dict[str, Any]) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        self.report(entry)


def _truth(examples: Sequence[Example]) -> tuple[Tensor, Tensor, Tensor]:
    return (
        torch.from_numpy(np.stack([example.maps for example in examples])),
        torch.from_numpy(np.stack([example.known for example in examples])),
        torch.from_numpy(np.stack([example.turns for example in examples])),
    )
