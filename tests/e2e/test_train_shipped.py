"""The recipe of the shipped network runs, from scratch, and trains that network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


pytest.importorskip("torch", reason="training needs torch")

from inkport.model.weights import load_weights


ROOT = Path(__file__).parents[2]


def test_a_few_steps_of_the_recipe_give_the_shipped_network(inkport, lines_folder, other_lines, tmp_path):
    train, val = (json.dumps([str(folder)]) for folder in (lines_folder, other_lines))
    settings = (f"data.train={train}", f"data.val={val}", "optim.steps=2", "optim.batch=4")
    options = [part for setting in settings for part in ("--set", setting)]
    run = inkport(
        "train", "run", ROOT / "recipes/convtext-tiny.toml", "--out", tmp_path / "run", "--threads", 1, *options
    )
    assert run[0] == 0, run
    trained = load_weights(tmp_path / "run/best.safetensors")
    shipped = load_weights(ROOT / "model/shipped/convtext-tiny/weights.safetensors")
    assert trained.config == shipped.config
    assert trained.spec.preprocess == shipped.spec.preprocess
