"""docs/training.md names every key of a recipe."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest


pytest.importorskip("torch", reason="train is a torch package")

from inkport.core.preprocess import PreprocessSpec
from inkport.core.spec import SCHEMA_1
from inkport.train.recipe import AugmentRecipe, DataRecipe, OptimRecipe, Recipe


def test_every_recipe_key_is_documented():
    text = (Path(__file__).parents[3] / "docs/training.md").read_text(encoding="utf-8")
    table = text.split("## Recipe keys", 1)[1]
    # Settings that only imported recognisers have are docs/schema.md's; recipes refuse them.
    schema = (Path(__file__).parents[3] / "docs/schema.md").read_text(encoding="utf-8")
    for cls in (Recipe, DataRecipe, OptimRecipe, AugmentRecipe, PreprocessSpec):
        for field in dataclasses.fields(cls):
            if cls is PreprocessSpec and field.name not in SCHEMA_1:
                assert f"`{field.name}`" in schema, f"{field.name} is not in docs/schema.md"
                continue
            nested = field.name in {"data", "optim", "augment", "preprocess"}
            assert nested or f"{field.name}`" in table, f"{cls.__name__}.{field.name} is not in docs/training.md"
