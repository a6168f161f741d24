"""The training loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from inkport.core.config import to_plain
from inkport.core.errors import CheckpointError, RecipeError
from inkport.lines.roles import LINE_DIGESTS
from inkport.model.weights import Weights, deploy_tensors, save_weights
from inkport.model.zoo import build
from inkport.train.augment import augment
from inkport.train.checkpoint import load_checkpoint, save_checkpoint
from inkport.train.dataset import Batch, Sampler
from inkport.train.device import Group, compiled, send
from inkport.train.distillation import distillation, lineage, run_digest
from inkport.train.draw import generators
from inkport.train.log import TrainingLog, Viewer
from inkport.train.network import freeze, network_settings, rates_by_dataset, read_all, train_mode
from inkport.train.objectives import Step, objectives, views
from inkport.train.optim import MovingAverage, Optimiser, TrainedObjectives, at_worst_nearby, learning_rate
from inkport.train.prepare import Prepared, join_lines, line_times
from inkport.train.qat import advance, fake_quantized, learned_ranges, plain
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
        viewers: Who else is handed each entry, once in all resumed parts of the run.

    Raises:
        CheckpointError: If ``out`` holds a checkpoint of another recipe, or not the same one for all processes.
        RecipeError: If the recipe's network is unknown or cannot read the images that its preprocessing makes, or if
            the processes cannot share a batch evenly.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: Prepared,
        out: Path,
        *,
        group: Group,
        report: Report,
        viewers: Sequence[Viewer] = (),
    ) -> None:
        self.recipe, self.data, self.out, self.group, self.report = recipe, data, out, group, report
        self.device = (
            torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")
        )
        torch.manual_seed(recipe.seed)
        self.settings = network_settings(recipe, data.start)
        self.network = build(recipe.model, data.spec.charset.size, self.settings)
        self.network.config.check_input(recipe.preprocess)
        if data.start is not None:
            self.network.load_state_dict(data.start.tensors)
        self.network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        freeze(self.network, recipe.freeze)
        self.network = fake_quantized(self.network, recipe, data)
        self.average = MovingAverage(self.network, recipe.optim.ema)
        self.optimiser = Optimiser(self.network, recipe.optim)
        self.lines = data.lines
        if self.device.type == "cuda" and recipe.data.resident:
            self.lines.move(self.device, free=torch.cuda.mem_get_info(self.device)[0])
        self.sampler = Sampler(
            self.lines.widths,
            recipe.optim.batch,
            recipe.seed,
            join=join_lines(recipe, data.lines),
            times=line_times(recipe, data),
        )
        _check_shares(self.sampler.size, group)
        teaching = distillation(recipe, data, self.network, sampler=self.sampler, out=out, group=group)
        self.objectives = {**objectives(recipe, self.network), **teaching}
        self.trained_objectives = TrainedObjectives(self.objectives, recipe.optim)
        self.forward = compiled(self.network) if recipe.optim.compile else self.network.forward_train
        self.digest = run_digest(recipe, data)
        self.step, self.best = 0, float("inf")
        if self._checkpoint.exists():
            self.step, self.best = load_checkpoint(
                self._checkpoint,
                recipe_digest=self.digest,
                network=self.network,
                average=self.average,
                optimiser=self.optimiser,
                trained_objectives=self.trained_objectives,
            )
        if len(set(steps := group.gather(self.step))) > 1:
            raise CheckpointError(
                f"{out}: the processes would go on after different steps: {steps}",
                remedy="give --out a folder on a file system that all machines share",
            )
        self.log = TrainingLog(out, step=self.step, viewers=viewers) if group.leads else None

    def run(self) -> float:
        """Train to the last step and return the best validation CER."""
        recipe = self.recipe
        started, seen, waited = time.perf_counter(), 0, 0.0
        loss_sum, loss_count = torch.zeros((), device=self.device), 0
        while self.step < recipe.optim.steps:
            begin = time.perf_counter()
            mine = slice(self.group.rank, None, self.group.size)
            batch = self.lines.batch(self.sampler.step(self.step)[mine], self.sampler.partners(self.step)[mine])
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
            begin = time.perf_counter()
            if self.step % recipe.validate_every == 0 or self.step == recipe.optim.steps:
                self._validate()
            if self.step % recipe.checkpoint_every == 0 or self.step == recipe.optim.steps:
                self._save()
            # Neither is training, wherever it falls between two entries of the log.
            started += time.perf_counter() - begin
        return self.best

    def _update(self, batch: Batch) -> Tensor:
        recipe, step = self.recipe, self.step
        seed = (recipe.seed * 1_000_003 + step) * 1024 + self.group.rank
        train_mode(plain(self.network), recipe.freeze)
        advance(self.network, step / recipe.optim.steps)
        seen = self._augmented(batch, seed)
        loss = self._differentiate(seen, seed)
        if recipe.optim.sam > 0:
            with at_worst_nearby(self.network, recipe.optim.sam):
                self._differentiate(seen, seed)
        nn.utils.clip_grad_norm_(self.network.parameters(), recipe.optim.clip)
        for parameters in self.optimiser.param_groups:
            parameters["lr"] = learning_rate(step, recipe.optim)
        self.optimiser.step()
        self.trained_objectives.step(learning_rate(step, recipe.optim), self.group)
        self.average.update(self.network, step)
        return loss

    def _augmented(self, batch: Batch, seed: int) -> Step:
        recipe, stride = self.recipe, self.data.spec.stride
        count = views(recipe)
        augmented = augment(
            send(batch.images, self.device).float() / 255,
            batch.widths,
            batch.needed * stride,
            recipe.augment,
            generators(self.device, seed),
            multiple=recipe.preprocess.width_multiple,
            views=count,
            background=recipe.preprocess.background,
        )
        return Step(
            images=self._normalised(augmented.images),
            moved=self._normalised(augmented.moved),
            frames=augmented.widths // stride,
            batch=batch.views(count),
        )

    def _normalised(self, images: Tensor) -> Tensor:
        spec = self.recipe.preprocess
        return ((images - spec.mean) / spec.std).contiguous(memory_format=torch.channels_last)

    def _differentiate(self, seen: Step, seed: int) -> Tensor:
        """Put the gradients of a batch, averaged over processes, onto the parameters; return the loss."""
        torch.manual_seed(seed)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.optim.bf16):
            output = self.forward(seen.images)
        loss = torch.stack([objective(output, seen) for objective in self.objectives.values()]).sum()
        self.optimiser.zero_grad()
        self.trained_objectives.zero_grad()
        loss.backward()
        self.group.average(self.network)
        return loss.detach()

    def _validate(self) -> None:
        if self.group.leads:
            fresh = build(self.recipe.model, self.data.spec.charset.size, self.settings)
            network = fake_quantized(fresh, self.recipe)
            network.load_state_dict(self.average.tensors())
            network.to(self.device)
            rates = rates_by_dataset(self.data.val, read_all(network, self.data.val, self.data.spec.charset))
            self._log({"step": self.step, "val_cer": {name: round(r.rate, 5) for name, r in sorted(rates.items())}})
            weights = Weights(
                spec=self.data.spec,
                config=dict(self.settings),
                provenance={
                    "recipe": to_plain(self.recipe) | {"digest": self.recipe.digest},
                    "start": None if self.data.start is None else self.data.start.provenance,
                    "step": self.step,
                    "train_lines": {"count": len(self.lines), "sha256": self.data.digest},
                    "val_cer": rates["all"].rate,
                    LINE_DIGESTS: self.data.line_digests,
                    **lineage(self.data, self.objectives),
                    **learned_ranges(network, self.recipe, self.data),
                },
                tensors=deploy_tensors(plain(network)),
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
                recipe_digest=self.digest,
                step=self.step,
                best=self.best,
                network=self.network,
                average=self.average,
                optimiser=self.optimiser,
                trained_objectives=self.trained_objectives,
            )

    @property
    def _checkpoint(self) -> Path:
        return self.out / "checkpoint.safetensors"

    def _log(self, entry: dict[str, Any]) -> None:
        if self.log is not None:
            self.log.add(entry)
            self.report(entry)


def _check_shares(lines: int, group: Group) -> None:
    """Refuse a batch of which some processes would see more lines than others: their means would count alike."""
    if lines % group.size:
        raise RecipeError(
            f"a batch of {lines} lines cannot be shared evenly by {group.size} processes",
            remedy="choose optim.batch as a multiple of the processes, and no larger than the training lines",
        )
