"""The recipe of a finder: what ships is valid, what is wrong is refused, and docs name every key."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest


pytest.importorskip("torch", reason="the network is torch's")

from inkport.core.config import parse_config
from inkport.core.errors import RecipeError
from inkport.model.finder import FinderConfig
from inkport.train.finder.recipe import FinderRecipe, SceneRecipe, load_finder_recipe


ROOT = Path(__file__).parents[4]


def test_the_shipped_recipe_is_valid():
    recipe = load_finder_recipe(ROOT / "recipes/finder.toml")
    assert (recipe.optim.steps, recipe.optim.batch, recipe.optim.lr) == (10_000, 6, 3e-3)
    assert recipe.shares == {"lectaurep": 2.0, "timeus": 0.7}
    assert min(recipe.scenes.composed, recipe.scenes.empty, recipe.scenes.pictures, recipe.scenes.spreads) > 0
    assert recipe.licence
    assert recipe.attribution


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"train": []}, "train and val need a page set each"),
        ({"validate_every": 0}, "at least 1, found 0"),
        ({"shares": {"a": -1.0}}, "shares.a must be at least 0, found -1"),
        ({"seed": -1}, "seed"),
        ({"optim": {"steps": 1, "sam": 0.1}}, "optim.sam is not for finders"),
        ({"optim": {"steps": 1, "shortcut": 0.2}}, "optim.shortcut is not for finders"),
        ({"network": {"channels": [8, 8, 8]}}, "channels must be 4 numbers"),
        ({"network": {"dilations": [0]}}, "dilations must be within"),
        ({"scenes": {"empty": 1.5}}, "scenes.empty must be within 0..1"),
        ({"scenes": {"empty": 0.5, "pictures": 0.5}}, "leaves no example for pages"),
        ({"scenes": {"composed": 0.5, "fonts": "f"}}, "one of them is missing"),
        ({"scene": {}}, "unknown key 'scene'"),
    ],
)
def test_what_cannot_be_meant_is_refused(keys, message):
    plain = {"train": ["a"], "val": ["b"], "optim": {"steps": 1}}
    parse_config(FinderRecipe, plain, where="recipe")
    with pytest.raises(RecipeError, match=message.replace("[", r"\[").replace(".", r"\.")):
        parse_config(FinderRecipe, plain | keys, where="recipe")


def test_every_key_is_documented():
    text = (ROOT / "docs/training.md").read_text(encoding="utf-8")
    table = text.split("## A line finder", 1)[1]
    for cls, prefix in ((FinderRecipe, ""), (SceneRecipe, "scenes."), (FinderConfig, "network.")):
        for field in dataclasses.fields(cls):
            nested = field.name in {"optim", "scenes", "network"}
            assert nested or f"`{prefix}{field.name}`" in table, f"{prefix}{field.name} is not in docs/training.md"
