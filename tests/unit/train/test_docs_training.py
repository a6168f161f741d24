"""docs/training.md names every key of a recipe."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest


pytest.importorskip("torch", reason="train is a torch package")

from inkport.core.preprocess import PreprocessSpec
from inkport.train.recipe import AugmentRecipe, DataRecipe, OptimRecipe, Recipe


def test_every_recipe_key_is_documented():
    text = (Path(__file__).parents[3] / "docs/training.md").read_text(encoding="utf-8")
    table = text.split("## Recipe keys", 1)[1]
    for cls in (Recipe, DataRecipe, OptimRecipe, AugmentRecipe, PreprocessSpec):
        for field in dataclasses.fields(cls):
            nested = field.name in {"data", "optim", "augment", "preprocess"}
            assert nested or f"{field.name}`" in table, f"{cls.__name__}.{field.name} is not in docs/training.md"
