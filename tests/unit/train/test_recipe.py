from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from inkport.core.errors import RecipeError
from inkport.lines.problem import Problem
from inkport.train.recipe import load_recipe


RECIPES = Path(__file__).parents[3] / "recipes"
SHIPPED = [path for path in sorted(RECIPES.rglob("*.toml")) if "model" in tomllib.loads(path.read_text("utf-8"))]
MINIMAL = """
model = "convtext-tiny"
[data]
train = ["a.parquet"]
val = ["b.parquet"]
skip = ["bad-image"]
[optim]
steps = 10
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(RECIPES)))
def test_shipped_recipes_are_valid_and_name_a_network(path):
    zoo = pytest.importorskip("inkport.model.zoo", reason="networks need torch", exc_type=ImportError)
    recipe = load_recipe(path)
    assert recipe.model in zoo.NETWORKS


@pytest.mark.parametrize("student", ["convtext-small", "convtext-tiny"])
def test_students_of_the_family_see_the_lines_and_images_of_their_teacher(student):
    recipe, teacher = (load_recipe(RECIPES / f"family/{name}.toml") for name in (student, "convtext-base"))
    assert recipe.distil.teacher.parent.name == teacher.model
    assert (recipe.preprocess, recipe.data) == (teacher.preprocess, teacher.data)


def test_minimal_recipe_takes_the_defaults(tmp_path):
    recipe = load_recipe(write(tmp_path, MINIMAL))
    assert recipe.optim.steps == 10
    assert recipe.data.skip == (Problem.BAD_IMAGE,)
    assert recipe.preprocess.height == 48


@pytest.mark.parametrize(
    ("old", "new", "message", "remedy"),
    [
        ("steps = 10", "stesp = 10", "optim: unknown key 'stesp'", "did you mean 'steps'?"),
        ("steps = 10", 'steps = "ten"', "expected int, found 'ten'", ""),
        ("steps = 10", "steps = 0", "at least 1", ""),
        ("[data]", '[preprocess]\nchannels = "bgr"\n[data]', "preprocess.channels: our own networks", "leave it out"),
        ("steps = 10", "steps = 10\nlr = -1", "lr and clip must be above 0", ""),
        ("steps = 10", "lr = 1", "the key 'steps' is missing", ""),
        ('skip = ["bad-image"]', 'skip = ["bad"]', "expected one of bad-image", ""),
        ("[optim]", "[optim", "not valid TOML", ""),
        ("steps = 10", "steps = 10\nbatch = 1000000000000", "batch within 1..65536", ""),
        ("steps = 10", "steps = 1" + "0" * 400, "optim.steps: the integer", ""),
        ("steps = 10", "steps = 10\n[augment]\nspans = 1000000000000", "spans must be within 0..256", ""),
        ("steps = 10", "steps = 10\n[tcm]\nembedding = 1000000000", "embedding must be within 1..4096", ""),
        ("steps = 10", "steps = 10\n[tcm]\nwindow = 1000000000", "window within 1..100", ""),
        ("steps = 10", 'steps = 10\n[distil]\nteacher = "t"\nwindow = 1000000000', "window within 0..512", ""),
        ("model =", "validate_every = 0\nmodel =", "validate_every and checkpoint_every must be at least 1", ""),
        ("[optim]", '["a' + ".a" * 300 + '"]\n[optim]', "nested deeper than 200 levels", ""),
    ],
)
def test_wrong_recipes_say_what_is_wrong(tmp_path, old, new, message, remedy):
    with pytest.raises(RecipeError) as caught:
        load_recipe(write(tmp_path, MINIMAL.replace(old, new)))
    assert message in caught.value.message
    assert remedy in caught.value.remedy


def test_missing_recipe_is_named(tmp_path):
    with pytest.raises(RecipeError, match=r"none\.toml"):
        load_recipe(tmp_path / "none.toml")


def test_digest_follows_every_setting(tmp_path):
    one = load_recipe(write(tmp_path, MINIMAL))
    same = load_recipe(write(tmp_path, MINIMAL + "# a comment\n"))
    other = load_recipe(write(tmp_path, MINIMAL + "[augment]\nnoise = 0.05\n"))
    assert one.digest == same.digest != other.digest
