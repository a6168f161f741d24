from __future__ import annotations

import pytest


torch = pytest.importorskip("torch", reason="training needs torch")

from inkport.core.config import parse_config  # noqa: E402
from inkport.core.errors import RecipeError  # noqa: E402
from inkport.model.weights import Weights, load_weights  # noqa: E402
from inkport.train.device import Group  # noqa: E402
from inkport.train.loop import Trainer  # noqa: E402
from inkport.train.network import network_settings  # noqa: E402
from inkport.train.prepare import prepare_data  # noqa: E402
from inkport.train.recipe import Recipe  # noqa: E402


@pytest.fixture
def recipe(tmp_path, lines_folder, other_lines):
    (tmp_path / "val").mkdir()
    for suffix in (".png", ".gt.txt"):
        (tmp_path / "val" / f"v{suffix}").write_bytes((other_lines / f"line0{suffix}").read_bytes())

    def make(**keys):
        data = {"train": [str(lines_folder)], "val": ["val"]}
        settings = {"model": "convtext-tiny", "data": data, "optim": {"steps": 1, "batch": 4}} | keys
        return parse_config(Recipe, settings, where="recipe")

    return make


@pytest.fixture
def start(toy_spec, toy_config):
    return Weights(spec=toy_spec, config=toy_config, provenance={}, tensors={})


def test_the_table_makes_another_network_and_the_weights_know_it(recipe, toy_config, tmp_path):
    settings = recipe(network=toy_config)
    Trainer(settings, prepare_data(settings, tmp_path), tmp_path / "run", group=Group(), report=[].append).run()
    weights = load_weights(tmp_path / "run" / "last.safetensors")
    assert weights.config == {"height": 48, **toy_config}
    assert weights.network().config.dim == toy_config["dim"]
    assert settings.digest != recipe().digest


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"dimm": 24}, "unknown key 'dimm'"),
        ({"dim": "24"}, "expected int"),
        ({"dim": 25}, "multiple"),
        ({"classes": 9}, "the symbols of the lines decide"),
    ],
)
def test_settings_that_do_not_fit_are_refused(recipe, network, message):
    with pytest.raises(RecipeError, match=message):
        network_settings(recipe(network=network), None)


def test_weights_to_start_from_keep_their_network(recipe, start, toy_config):
    assert network_settings(recipe(), start) == toy_config
    same = {"dim": toy_config["dim"], "kernel": 7}
    assert network_settings(recipe(network=same), start) == toy_config
    with pytest.raises(RecipeError, match="weights to start from"):
        network_settings(recipe(network={"kernel": 5}), start)
