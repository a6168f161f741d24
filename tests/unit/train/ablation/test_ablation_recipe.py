from __future__ import annotations

import pytest

from inkport.core.errors import RecipeError
from inkport.train.ablation.recipe import load_ablation, plan_runs


BASE = """
model = "convtext-tiny"
[data]
train = ["t"]
val = ["v"]
[optim]
steps = 7
"""
ABLATION = """
base = "base.toml"
reference = "none"
seeds = [4, 5]
[evaluate]
val = ["v"]
[arms.none]
[arms.fast]
"optim.lr" = 0.5
augment = { mask = 0 }
"""


@pytest.fixture
def ablation(tmp_path):
    (tmp_path / "base.toml").write_text(BASE)

    def write(**changes):
        text = ABLATION
        for old, new in changes.values():
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "ablation.toml").write_text(text)
        return load_ablation(tmp_path / "ablation.toml")

    return write


def test_arms_change_their_keys_alone(ablation, tmp_path):
    runs = plan_runs(ablation(), tmp_path)
    assert [run.name for run in runs] == ["none-4", "fast-4", "none-5", "fast-5"]
    plain, fast = runs[0].recipe, runs[1].recipe
    assert (fast.optim.lr, fast.augment.mask, fast.seed) == (0.5, 0.0, 4)
    assert (plain.optim.lr, plain.augment.mask, plain.seed) == (2e-3, 0.3, 4)
    assert fast.optim.steps == plain.optim.steps == 7
    assert len({run.recipe.digest for run in runs}) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('reference = "none"', 'reference = "nobody"'), "'nobody' is not an arm"),
        (("[4, 5]", "[4, 4]"), "one appears twice"),
        (("[4, 5]", "[]"), "at least one arm, one seed"),
        (('val = ["v"]', "val = []"), "one line set"),
        (("[arms.fast]", '[arms."../fast"]'), "names of arms"),
        (('"optim.lr" = 0.5', "seed = 9"), "same seeds"),
        (("base =", "bas ="), "did you mean 'base'"),
    ],
)
def test_wrong_ablations_are_refused(ablation, change, message):
    with pytest.raises(RecipeError) as caught:
        ablation(change=change)
    assert message in str(caught.value)


def test_an_arm_that_makes_no_recipe_is_named(ablation, tmp_path):
    made = ablation(change=('"optim.lr"', '"optim.rate"'))
    with pytest.raises(RecipeError, match=r"arm 'fast'.*unknown key 'rate'"):
        plan_runs(made, tmp_path)
