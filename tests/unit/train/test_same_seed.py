"""Two trainings with one seed give the same bytes; another seed gives others."""

from __future__ import annotations

import pytest


torch = pytest.importorskip("torch", reason="training needs torch")

from inkport.core.config import parse_config  # noqa: E402
from inkport.train.distributed import Group  # noqa: E402
from inkport.train.loop import Trainer  # noqa: E402
from inkport.train.prepare import prepare_data  # noqa: E402
from inkport.train.recipe import Recipe  # noqa: E402


FILES = ("last.safetensors", "best.safetensors", "checkpoint.safetensors")


@pytest.fixture
def train(tmp_path, lines_folder, toy_config):
    (tmp_path / "val").mkdir()
    for suffix in (".png", ".gt.txt"):
        (tmp_path / "val" / f"v{suffix}").write_bytes((lines_folder / f"line0{suffix}").read_bytes())

    def run(name, seed, optimiser):
        keys = {"model": "convtext-tiny", "network": toy_config, "seed": seed, "validate_every": 3}
        keys |= {"optim": {"steps": 6, "batch": 3, "optimiser": optimiser}}
        keys |= {"data": {"train": [str(lines_folder)], "val": ["val"]}}
        recipe, out = parse_config(Recipe, keys, where="recipe"), tmp_path / name
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
