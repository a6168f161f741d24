"""A training step asks its device for work and never for an answer, so that the device need not stand still.

The device here is ``meta``, which computes shapes alone: whoever asks it for a number, or picks out elements by a
condition, gets an error. Copies from the host that wait are found by looking at every copy.
"""

from __future__ import annotations

from contextlib import nullcontext

import pytest


torch = pytest.importorskip("torch", reason="training needs torch")

from torch.nn import functional  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from inkport.core.config import parse_config  # noqa: E402
from inkport.train import loop  # noqa: E402
from inkport.train.device import Group  # noqa: E402
from inkport.train.draw import Generators  # noqa: E402
from inkport.train.prepare import prepare_data  # noqa: E402
from inkport.train.recipe import Recipe  # noqa: E402


META = torch.device("meta")
OPTIONS = {
    "plain": {},
    "images on the host": {"data": {"resident": False}},
    "everything": {
        "augment": {"join": 1.0, "perspective": 0.1, "paper": 0.3, "neighbours": 1.0, "elastic": 0.5, "mask": 0.5},
        "consistency": {},
        "tcm": {"embedding": 16},
        "distil": {"frame": 1.0, "sequence": 1.0, "feature": 1.0},
        "optim": {"optimiser": "muon", "sam": 0.05},
    },
}


class WaitError(AssertionError):
    """A copy to the device that waits for it."""


class NoWaits(TorchDispatchMode):
    """Refuse copies between host and device that are not asked to go ahead."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = func.overloadpacket
        if name is torch.ops.aten._to_copy and args[0].device != kwargs.get("device", args[0].device):
            if not kwargs.get("non_blocking", False):
                raise WaitError(func)
        elif name is torch.ops.aten.copy_ and args[0].device != args[1].device:
            raise WaitError(func)
        return func(*args, **kwargs)


def ctc_of_the_device(log_probs, targets, frames, lengths, **_):
    """Stand for CTC, of which ``meta`` has none; torch's own looks at the lengths on the host."""
    assert frames.device.type == lengths.device.type == "cpu"
    assert targets.device == META
    return log_probs.mean()


@pytest.fixture
def trainer(tmp_path, lines_folder, other_lines, toy_config, toy_artifact, monkeypatch):  # noqa: PLR0917 - fixtures
    (tmp_path / "val").mkdir()
    for suffix in (".png", ".gt.txt"):
        (tmp_path / "val" / f"v{suffix}").write_bytes((other_lines / f"line0{suffix}").read_bytes())
    monkeypatch.setattr(functional, "ctc_loss", ctc_of_the_device)
    # meta has no autocast and draws without a generator.
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    host = torch.Generator().manual_seed(1)
    monkeypatch.setattr(loop, "generators", lambda *_: Generators(device=None, host=host))

    def make(options):
        keys = {"model": "convtext-tiny", "network": toy_config, "data": {"train": [str(lines_folder)], "val": ["val"]}}
        keys |= {"optim": {"steps": 4, "batch": 3, "bf16": False}}
        for section, values in options.items():
            keys[section] = keys.get(section, {}) | values
        if "distil" in keys:
            weights = str(toy_artifact.file(".safetensors"))
            keys |= {"start": weights, "distil": keys["distil"] | {"teacher": weights}}
            del keys["network"]
        recipe = parse_config(Recipe, keys, where="recipe")
        run = loop.Trainer(recipe, prepare_data(recipe, tmp_path), tmp_path / "run", group=Group(), report=[].append)
        run.device = META
        run.network.to(META)
        if recipe.data.resident:
            run.lines.columns = run.lines.columns.to(META)
        for objective in run.objectives.values():
            if isinstance(objective, torch.nn.Module):
                objective.to(META)
        if "distil" in keys:
            run.objectives["distil"]._teacher[0].to(META)
        return run

    return make


@pytest.mark.parametrize("name", OPTIONS)
def test_a_step_never_waits_for_its_device(trainer, name):
    run = trainer(OPTIONS[name])
    with NoWaits():
        batch = run.lines.batch(run.sampler.step(0), run.sampler.partners(0))
        loss = run._differentiate(run._augmented(batch, 1), 1)
    assert loss.device == META
    assert all(p.grad is not None and p.grad.device == META for p in run.network.parameters())
