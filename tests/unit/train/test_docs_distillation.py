from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest


pytest.importorskip("torch", reason="train is a torch package")

from inkport.train.ablation.runs import Ablation, load_ablation, plan_runs
from inkport.train.recipe_sections import DistilRecipe


ROOT = Path(__file__).parents[3]


def test_every_key_is_documented():
    text = (ROOT / "docs/distillation.md").read_text(encoding="utf-8")
    for field in dataclasses.fields(DistilRecipe):
        assert f"`distil.{field.name}`" in text, field.name
    for field in dataclasses.fields(Ablation):
        assert f"| `{field.name}" in text, field.name


@pytest.mark.parametrize("path", sorted((ROOT / "recipes/ablations").glob("distil*[!e].toml")), ids=lambda p: p.stem)
def test_shipped_ablations_are_valid_with_equal_budgets(path):
    runs = plan_runs(load_ablation(path), path.parent)
    assert len({(run.recipe.optim.steps, run.recipe.optim.batch) for run in runs}) == 1
    assert len({run.recipe.digest for run in runs}) == len(runs) >= 6
