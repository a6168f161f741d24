"""Two trainings with one seed give the same bytes; another seed gives others."""

from __future__ import annotations

import pytest


torch = pytest.importorskip("torch", reason="training needs torch")

from inkport.train.device import Group  # noqa: E402
from inkport.train.loop import Trainer  # noqa: E402
from inkport.train.prepare import prepare_data  # noqa: E402


FILES = ("last.safetensors", "best.safetensors", "checkpoint.safetensors")


@pytest.fixture
def train(tmp_path, toy_recipe):
    def run(name, seed, optimiser):
        recipe = toy_recipe(seed=seed, validate_every=3, optim={"steps": 6, "batch": 3, "optimiser": optimiser})
        out = tmp_path / name
        # Nothing of the training may depend on what the process has drawn before it.
        torch.manual_seed(len(name))
        Trainer(recipe, prepare_data(recipe, tmp_path), out, group=Group(), report=[].append).run()
        return {file: (out / file).read_bytes() for file in FILES}

    return run


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_one_seed_gives_the_same_weights_and_another_seed_gives_others(train, optimiser):
    first, again, other = train("first", 1, optimiser), train("once-more", 1, optimiser), train("other", 2, optimiser)
    assert first == again
    assert all(first[file] != other[file] for file in FILES)
