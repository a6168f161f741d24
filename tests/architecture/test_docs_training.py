"""Documents that list settings list all of them, and figures in documents are those of the committed reports."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from inkport.core.preprocess import PreprocessSpec


ROOT = Path(__file__).parents[2]


def test_every_recipe_key_is_documented():
    pytest.importorskip("torch", reason="train is a torch package")
    from inkport.train.recipe import AugmentRecipe, DataRecipe, OptimRecipe, Recipe

    text = (ROOT / "docs/training.md").read_text(encoding="utf-8")
    table = text.split("## Recipe keys", 1)[1]
    for cls in (Recipe, DataRecipe, OptimRecipe, AugmentRecipe, PreprocessSpec):
        for field in dataclasses.fields(cls):
            nested = field.name in {"data", "optim", "augment", "preprocess"}
            assert nested or f"{field.name}`" in table, f"{cls.__name__}.{field.name} is not in docs/training.md"


def test_the_frames_table_is_the_committed_report():
    text = (ROOT / "docs/frames.md").read_text(encoding="utf-8")
    shares = json.loads((ROOT / "docs/results/frames.json").read_text(encoding="utf-8"))
    assert len(shares) == 15
    for s in shares:
        mean, few, tight = f"{s['mean_frames']:.0f}", f"{s['too_few']:.3%}", f"{s['tight']:.2%}"
        assert f"| {s['height']} | {s['stride']} | {mean} | {few} | {tight} | {s['lines']} |" in text
