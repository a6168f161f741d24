"""Training the finder."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from inkport.model.finder import Finder
from inkport.train.finder.objective import finder_loss
from inkport.train.finder.page_set import TruePage
from inkport.train.finder.scene import Example, make_example


@dataclass(frozen=True, kw_only=True)
class FinderRecipe:
    """How a finder is trained."""

    steps: int = 20_000
    batch: int = 6
    lr: float = 3e-3
    weight_decay: float = 0.01
    warmup: int = 300
    average: float = 0.999
    seed: int = 1
    often: tuple[tuple[str, float], ...] = (("lectaurep", 2.0), ("timeus", 0.7))
    """How often a data set's pages are drawn, times its pages; once if it is not named."""


def train_finder(pages: Sequence[TruePage], recipe: FinderRecipe, out: Path) -> None:
    """Train a finder; one that was stopped goes on from its last checkpoint."""
    from safetensors.torch import load_file, save_file

    torch.manual_seed(recipe.seed)
    network = Finder().to(memory_format=torch.channels_last)
    averaged = {name: value.detach().clone().float() for name, value in network.state_dict().items()}
    first, place = 0, out / "checkpoint.safetensors"
    if place.is_file():
        state = load_file(place)
        network.load_state_dict({k[8:]: v for k, v in state.items() if k.startswith("network.")})
        averaged = {k[9:]: v for k, v in state.items() if k.startswith("averaged.")}
        first = int(state["step"])
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)
    grays = [page.gray() for page in pages]
    often = dict(recipe.often)
    share = np.array([often.get(page.dataset, 1.0) for page in pages])
    share /= share.sum()
    network.train()
    began, losses = time.monotonic(), []
    for step in range(first, recipe.steps):
        rng = np.random.default_rng((recipe.seed, step))
        warm = min(1.0, (step - first + 1) / recipe.warmup)
        rate = recipe.lr * warm * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
        for group in optimiser.param_groups:
            group["lr"] = rate
        picked = rng.choice(len(pages), recipe.batch, p=share)
        batch = [make_example(grays[k], pages[k].lines, grays[rng.integers(len(pages))], rng) for k in picked]
        with torch.autocast("cpu", torch.bfloat16):
            maps, turns = network(torch.from_numpy(_images(batch)).to(memory_format=torch.channels_last))
        loss = finder_loss(maps.float(), turns.float(), *_truth(batch))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        keep = min(recipe.average, (step + 1) / (step + 10))
        with torch.no_grad():
            for name, value in network.state_dict().items():
                averaged[name].lerp_(value.float(), 1 - keep) if value.is_floating_point() else averaged[name].copy_(value)
        losses.append(float(loss.detach()))
        if (step + 1) % 250 == 0 or step + 1 == recipe.steps:
            with (out / "log.jsonl").open("a") as log:
                row = {"step": step + 1, "loss": float(np.mean(losses)), "lr": rate, "seconds": time.monotonic() - began}
                log.write(json.dumps(row) + "\n")
            losses = []
            state = {f"network.{k}": v.contiguous() for k, v in network.state_dict().items()} | {f"averaged.{k}": v.contiguous() for k, v in averaged.items()}
            save_file(state | {"step": torch.tensor(step + 1)}, out / "checkpoint.tmp")
            (out / "checkpoint.tmp").replace(place)


def _images(batch: Sequence[Example]) -> npt.NDArray[np.float32]:
    return np.stack([example.image for example in batch])[:, None].astype(np.float32) / 255


def _truth(batch: Sequence[Example]) -> tuple[Tensor, Tensor, Tensor]:
    return (
        torch.from_numpy(np.stack([example.maps for example in batch])),
        torch.from_numpy(np.stack([example.known for example in batch])),
        torch.from_numpy(np.stack([example.turns for example in batch])),
    )
