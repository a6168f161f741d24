"""What a recipe adds to the plain loop, in whole trainings of a toy: it does something, and resumes exactly."""

from __future__ import annotations

from shutil import which

import pytest


torch = pytest.importorskip("torch", reason="training needs torch")

from safetensors.torch import load_file  # noqa: E402

from inkport.core.config import parse_config  # noqa: E402
from inkport.core.errors import RecipeError  # noqa: E402
from inkport.train.device import Group  # noqa: E402
from inkport.train.loop import Trainer  # noqa: E402
from inkport.train.objectives import (  # noqa: E402
    Context,
    TextualContext,
    pad_targets,
)
from inkport.train.prepare import prepare_data  # noqa: E402
from inkport.train.recipe import Recipe  # noqa: E402
from inkport.train.recipe_sections import ContextRecipe  # noqa: E402


OPTIONS = {
    "plain": {},
    "sam": {"optim": {"sam": 0.05}},
    "consistency": {"consistency": {}},
    "tcm": {"tcm": {"embedding": 16}},
    "surroundings": {"augment": {"perspective": 0.1, "paper": 0.3, "neighbours": 1.0, "spans": 8}},
    "join": {"augment": {"join": 1.0}},
    "all": {
        "optim": {"sam": 0.05, "optimiser": "muon"},
        "consistency": {},
        "tcm": {"embedding": 16},
        "augment": {"join": 1.0, "perspective": 0.1, "paper": 0.3, "neighbours": 1.0},
    },
}


class KilledError(Exception):
    """Stands for the end of a process."""


@pytest.fixture
def runs(tmp_path, toy_recipe):
    def make(name, out, report=[].append):
        keys = {"validate_every": 2, "checkpoint_every": 1, "optim": {"steps": 4, "batch": 3}}
        for key, value in OPTIONS[name].items():
            keys[key] = keys.get(key, {}) | value
        recipe = toy_recipe(**keys)
        return Trainer(recipe, prepare_data(recipe, tmp_path), tmp_path / out, group=Group(), report=report)

    return make


@pytest.mark.parametrize("name", [name for name in OPTIONS if name != "plain"])
def test_an_option_changes_the_training_and_resumes_exactly(runs, tmp_path, name):
    runs("plain", "plain").run()
    runs(name, "whole").run()
    plain, whole = (load_file(tmp_path / run / "checkpoint.safetensors") for run in ("plain", "whole"))
    assert not torch.equal(plain["network.head.weight"], whole["network.head.weight"])
    assert all(torch.isfinite(tensor).all() for tensor in whole.values())
    # A second pass within a step leaves no trace in the batch norms' count of steps.
    assert whole["network.cnn.0.1.num_batches_tracked"] == 4

    def die(_):
        raise KilledError

    with pytest.raises(KilledError):
        runs(name, "killed", die).run()
    resumed = runs(name, "killed")
    assert resumed.step == 1
    resumed.run()
    for file in ("checkpoint.safetensors", "last.safetensors", "best.safetensors"):
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "killed" / file).read_bytes(), file


def test_the_context_module_trains_beside_the_network_and_stays_out_of_its_weights(runs, tmp_path):
    trainer = runs("tcm", "run")
    before = {name: tensor.clone() for name, tensor in trainer.trained_objectives.modules.state_dict().items()}
    trainer.run()
    after = trainer.trained_objectives.modules.state_dict()
    assert all(not torch.equal(before[name], after[name]) for name in before if name.endswith("weight"))
    kept = load_file(tmp_path / "run" / "checkpoint.safetensors")
    assert any(name.startswith("aside.modules.tcm") for name in kept)
    assert load_file(tmp_path / "run" / "last.safetensors").keys() == trainer.network.state_dict().keys()


def test_the_context_objective_is_the_weighted_loss_of_the_module_whatever_the_precision():
    from inkport.model.recogniser import TrainOutput
    from inkport.train.dataset import Batch
    from inkport.train.objectives import Step

    torch.manual_seed(0)
    objective = Context(ContextRecipe(weight=0.5, embedding=8, dropout=0.0), classes=6, dim=12, seed=1)
    features, targets, lengths = torch.randn(2, 7, 12), torch.tensor([1, 2, 3, 4, 5]), torch.tensor([3, 2])
    empty = torch.zeros(0)
    step = Step(images=empty, moved=empty, frames=empty, batch=Batch(empty, empty, targets, lengths, lengths))
    module = objective.module
    assert isinstance(module, TextualContext)
    expected = 0.5 * module(features.bfloat16().float(), pad_targets(targets, lengths), lengths)
    assert objective(TrainOutput(logits=empty, context=features.bfloat16()), step).item() == expected.item()


@pytest.mark.parametrize(
    ("section", "keys", "message"),
    [
        ("tcm", {"weight": 0}, r"tcm\.weight must be above 0"),
        ("consistency", {"weight": -1.0}, r"consistency\.weight must be above 0"),
        ("optim", {"sam": -0.1}, "sam must be at least 0"),
        ("augment", {"perspective": 1.0}, "below 1"),
        ("augment", {"join": 1.5}, r"within 0\.\.1"),
    ],
)
def test_values_out_of_range_are_refused(section, keys, message):
    recipe = {"model": "convtext-tiny", "data": {"train": ["a"], "val": ["b"]}, "optim": {"steps": 1}}
    recipe[section] = recipe.get(section, {}) | keys
    with pytest.raises(RecipeError, match=message):
        parse_config(Recipe, recipe, where="recipe")


@pytest.mark.parametrize(
    "backend",
    [
        # All of torch.compile but for the making of kernels, which takes a CPU minutes.
        pytest.param("aot_eager", marks=pytest.mark.slow),
        pytest.param(
            "inductor",
            marks=[
                pytest.mark.device,
                pytest.mark.skipif(
                    not torch.cuda.is_available() and which("g++") is None, reason="needs a GPU or a C++ compiler"
                ),
                # torch's own, on loading its compiler.
                pytest.mark.filterwarnings("ignore:.*script_method.*:DeprecationWarning"),
            ],
        ),
    ],
)
def test_a_compiled_training_has_the_loss_of_a_plain_one(runs, monkeypatch, backend):
    compiled = []

    def compile_with(function, **settings):
        compiled.append(function)
        return real(function, backend=backend, **settings)

    real = torch.compile
    monkeypatch.setattr(torch, "compile", compile_with)
    monkeypatch.setitem(OPTIONS, "compiled", {"optim": {"compile": True, "bf16": False}})
    monkeypatch.setitem(OPTIONS, "exact", {"optim": {"bf16": False}})
    entries = {"exact": [], "compiled": []}
    for name, report in entries.items():
        runs(name, name, report.append).run()
    losses = {name: [entry["loss"] for entry in found if "loss" in entry] for name, found in entries.items()}
    assert len(compiled) == 1
    assert losses["compiled"] == pytest.approx(losses["exact"], rel=1e-3)
