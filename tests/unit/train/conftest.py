"""Recipes of toy networks on six rendered lines, and for distillation a toy teacher of another size."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inkport.core.charset import Charset
from inkport.core.config import parse_config
from inkport.core.preprocess import PreprocessSpec
from inkport.core.spec import RecogniserSpec


DISTIL_RECIPE = """
model = "convtext-tiny"
validate_every = 2
checkpoint_every = 2
start = "start.safetensors"
[data]
train = ["{train}"]
val = ["val"]
{data}
[optim]
steps = {steps}
batch = 6
optimiser = "muon"
[distil]
teacher = "teacher.safetensors"
{distil}
"""
TOY_SPEC = RecogniserSpec(
    name="convtext-tiny",
    version="toy",
    preprocess=PreprocessSpec(),
    charset=Charset(tuple(" abcdeé")),
    stride=4,
)


@pytest.fixture
def toy_recipe(tmp_path, lines_folder, other_lines, toy_config):
    """Returns what makes a recipe of the toy network on six rendered lines, its paths relative to ``tmp_path``."""
    from inkport.train.recipe import Recipe

    (tmp_path / "val").mkdir()
    for suffix in (".png", ".gt.txt"):
        (tmp_path / "val" / f"v{suffix}").write_bytes((other_lines / f"line0{suffix}").read_bytes())

    def make(**keys):
        data = {"train": [str(lines_folder)], "val": ["val"]}
        return parse_config(
            Recipe, {"model": "convtext-tiny", "network": toy_config, "data": data} | keys, where="recipe"
        )

    return make


@pytest.fixture
def save_toy(tmp_path, toy_config):
    """Write a toy network to a file: its spec, and its configuration, may differ."""
    torch = pytest.importorskip("torch", reason="training needs torch")
    from inkport.model.weights import Weights, deploy_tensors, save_weights
    from inkport.model.zoo import build

    def write(file, *, seed=1, config=None, blank=0.0, **spec):
        torch.manual_seed(seed)
        found = replace(TOY_SPEC, **spec)
        settings = toy_config if config is None else config
        network = build(found.name, found.charset.size, settings)
        with torch.no_grad():
            for parameter in network.parameters():
                if parameter.ndim > 1:
                    parameter.mul_(2)  # random readings with many symbols in them
            if blank:
                network.head.bias[0] += blank
        weights = Weights(spec=found, config=settings, provenance={}, tensors=deploy_tensors(network))
        save_weights(tmp_path / file, weights)
        return tmp_path / file

    return write


@pytest.fixture
def make_recipe(tmp_path, lines_folder, other_lines, save_toy, toy_config):
    """Write a recipe, start weights and a wider teacher; return the recipe, read."""
    from inkport.train.recipe import load_recipe

    (tmp_path / "val").mkdir()
    for suffix in (".png", ".gt.txt"):
        (tmp_path / "val" / f"v{suffix}").write_bytes((other_lines / f"line0{suffix}").read_bytes())
    save_toy("start.safetensors")
    save_toy("teacher.safetensors", seed=2, config=toy_config | {"dim": 32})

    def write(distil="", data="", steps=2, train=lines_folder, top=""):
        text = DISTIL_RECIPE.format(train=train, data=data, steps=steps, distil=distil)
        path = tmp_path / "recipe.toml"
        path.write_text(f"{top}\n{text}", encoding="utf-8")
        return load_recipe(path)

    return write


@pytest.fixture
def make_trainer(tmp_path):
    """Prepare a recipe's lines and return its trainer."""
    from inkport.train.device import Group
    from inkport.train.loop import Trainer
    from inkport.train.prepare import prepare_data

    def make(recipe, out="run"):
        return Trainer(recipe, prepare_data(recipe, tmp_path), tmp_path / out, group=Group(), report=[].append)

    return make
