"""The training loop."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from inkport.core.config import to_plain
from inkport.core.files import write_atomically
from inkport.model.weights import Weights, deploy_tensors, save_weights
from inkport.model.zoo import build
from inkport.train.augment import augment
from inkport.train.checkpoint import load_checkpoint, save_checkpoint
from inkport.train.dataset import Batch, Sampler
from inkport.train.distributed import Group
from inkport.train.evaluate import rates_by_dataset, read_all
from inkport.train.objective import Step, objectives
from inkport.train.optim import MovingAverage, Optimiser, learning_rate
from inkport.train.prepare import Prepared
from inkport.train.recipe import Recipe


Report = Callable[[dict[str, Any]], None]
"""Called with each log entry."""


class Trainer:
    """One run: build it, then call ``run``; a run that was killed continues where its checkpoint says.

    Args:
        recipe: What to do.
        data: The recipe's lines.
        out: Folder for ``checkpoint.safetensors``, ``best.safetensors``, ``last.safetensors``, ``log.jsonl``.
        group: The processes of the run.
        report: Called with each log entry.

    Raises:
        CheckpointError: If ``out`` holds a checkpoint of another recipe.
        RecipeError: If the recipe's network is unknown or cannot read the images that its preprocessing makes.
    """

    def __init__(self, recipe: Recipe, data: Prepared, out: Path, *, group: Group, report: Report) -> None:
        self.recipe, self.data, self.out, self.group, self.report = recipe, data, out, group, report
        self.device = (
            torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")
        )
        torch.manual_seed(recipe.seed)
        self.settings = {"height": recipe.preprocess.height} if data.start is None else data.start.config
        self.network = build(recipe.model, data.spec.charset.size, self.settings)
        self.network.config.check_input(recipe.preprocess)
        if data.start is not None:
            self.network.load_state_dict(data.start.tensors)
        self.network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = MovingAverage(self.network, recipe.optim.ema)
        self.objectives = objectives(recipe)
        self.optimiser = Optimiser(self.network, recipe.optim)
        self.lines = data.lines
        self.sampler = Sampler(self.lines.widths, recipe.optim.batch, recipe.seed)
        self.step, self.best = 0, float("inf")
        if self._checkpoint.exists():
            self.step, self.best = load_checkpoint(
                self._checkpoint,
                recipe_digest=recipe.digest,
                network=self.network,
                average=self.average,
                optimiser=self.optimiser,
            )
        if group.leads:
            self._trim_log()

    def run(self) -> float:
        """Train to the last step and return the best validation CER."""
        recipe = self.recipe
        started, seen, waited = time.perf_counter(), 0, 0.0
        loss_sum, loss_count = torch.zeros((), device=self.device), 0
        while self.step < recipe.optim.steps:
            begin = time.perf_counter()
            batch = self.lines.batch(self.sampler.step(self.step)[self.group.rank :: self.group.size])
            waited += time.perf_counter() - begin
            loss_sum += self._update(batch)
            loss_count += 1
            seen += len(batch.lengths) * self.group.size
            self.step += 1
            if self.step % 50 == 0 or self.step == recipe.optim.steps:
                elapsed = time.perf_counter() - started
                entry = {"step": self.step, "loss": round(loss_sum.item() / loss_count, 5)}
                entry |= {"lr": learning_rate(self.step - 1, recipe.optim)}
                self._log(entry | {"lines_per_s": round(seen / elapsed, 1), "data_wait": round(waited / elapsed, 4)})
                started, seen, waited = time.perf_counter(), 0, 0.0
                loss_sum, loss_count = torch.zeros((), device=self.device), 0
            if self.step % recipe.validate_every == 0 or self.step == recipe.optim.steps:
                self._validate()
                started = time.perf_counter()
            if self.step % recipe.checkpoint_every == 0 or self.step == recipe.optim.steps:
                self._save()
        return self.best

    def _update(self, batch: Batch) -> Tensor:
        recipe, step = self.recipe, self.step
        seed = (recipe.seed * 1_000_003 + step) * 1024 + self.group.rank
        torch.manual_seed(seed)
        generator = torch.Generator(self.device).manual_seed(seed)
        self.network.train()
        images = batch.images.to(self.device).float() / 255
        stride, multiple = self.data.spec.stride, recipe.preprocess.width_multiple
        images, widths = augment(
            images,
            batch.widths.to(self.device),
            (batch.needed * stride).to(self.device),
            recipe.augment,
            generator,
            multiple=multiple,
        )
        images = ((images - recipe.preprocess.mean) / recipe.preprocess.std).contiguous(
            memory_format=torch.channels_last
        )
        with torch.autocast(self.device.type, torch.bfloat16, enabled=recipe.optim.bf16):
            output = self.network.forward_train(images)
        seen = Step(images=images, frames=widths // stride, batch=batch)
        loss = torch.stack([objective(output, seen) for objective in self.objectives.values()]).sum()
        self.optimiser.zero_grad()
        loss.backward()
        self.group.average(self.network)
        nn.utils.clip_grad_norm_(self.network.parameters(), recipe.optim.clip)
        for parameters in self.optimiser.param_groups:
            parameters["lr"] = learning_rate(step, recipe.optim)
        self.optimiser.step()
        self.average.update(self.network, step)
        return loss.detach()

    def _validate(self) -> None:
        if self.group.leads:
            network = build(self.recipe.model, self.data.spec.charset.size, self.settings)
            network.load_state_dict(self.average.tensors())
            network.to(self.device)
            rates = rates_by_dataset(self.data.val, read_all(network, self.data.val, self.data.spec.charset))
            self._log({"step": self.step, "val_cer": {name: round(r.rate, 5) for name, r in sorted(rates.items())}})
            weights = Weights(
                spec=self.data.spec,
                config=dict(self.settings),
                provenance={
                    "recipe": to_plain(self.recipe) | {"digest": self.recipe.digest},
                    "step": self.step,
                    "train_lines": {"count": len(self.lines), "sha256": self.data.digest},
                    "val_cer": rates["all"].rate,
                },
                tensors=deploy_tensors(network),
            )
            save_weights(self.out / "last.safetensors", weights)
            if rates["all"].rate < self.best:
                self.best = rates["all"].rate
                save_weights(self.out / "best.safetensors", weights)
        self.group.wait()

    def _save(self) -> None:
        if self.group.leads:
            save_checkpoint(
                self._checkpoint,
                recipe_digest=self.recipe.digest,
                step=self.step,
                best=self.best,
                network=self.network,
                average=self.average,
                optimiser=self.optimiser,
            )

    @property
    def _checkpoint(self) -> Path:
        return self.out / "checkpoint.safetensors"

    def _log(self, entry: dict[str, Any]) -> None:
        if self.group.leads:
            with (self.out / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
            self.report(entry)

    def _trim_log(self) -> None:
        """Drop what a killed run logged after its last checkpoint, so that each step stands once."""
        path = self.out / "log.jsonl"
        self.out.mkdir(parents=True, exist_ok=True)
        kept = []
        for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
            try:
                entry = json.loads(text)
            except ValueError:  # the line that the kill cut short
                continue
            if entry["step"] <= self.step:
                kept.append(text + "\n")
        write_atomically(path, "".join(kept))
