"""Mistakes in a recipe are found before anything is made, and say what was meant."""

from __future__ import annotations

import pytest

from inkport.compress.recipe import load_compress_recipe
from inkport.core.errors import RecipeError


def test_stages_stand_after_their_parents_whatever_the_order_in_the_file(write):
    path = write()
    head, onnx, rest = path.read_text(encoding="utf-8").split("[[stage]]")
    ov, target = rest.split("[[target]]")
    path.write_text(f"{head}[[stage]]{ov}[[stage]]{onnx}[[target]]{target}", encoding="utf-8")
    assert [row.name for row in load_compress_recipe(path).stages] == ["onnx", "ov"]


def test_a_name_is_made_of_stage_and_runtime(write):
    recipe = load_compress_recipe(write())
    assert [target.label for target in recipe.targets] == ["ov, openvino"]
    assert [(row.kind, row.parent) for row in recipe.stages] == [("export", "start"), ("export", "onnx")]


MISTAKES = {
    "cycle": (('from = "start"', 'from = "ov"'), "wait for one another: ", "one must come from 'start'"),
    "itself": (('from = "onnx"', 'from = "ov"'), "ov <- ov", "one must come"),
    "unknown parent": (('from = "onnx"', 'from = "onxn"'), "'onxn', which there is not", "did you mean 'onnx'?"),
    "duplicate": (('name = "ov"', 'name = "onnx"'), "two stages are called 'onnx'", "a name of its own"),
    "start is taken": (('name = "ov"', 'name = "start"'), "'start' cannot be used", "what the recipe starts from"),
    "a path as a name": (('name = "ov"', 'name = "../ov"'), "'../ov' cannot be used", "letters"),
    "typo in a kind": (('kind = "export"', 'kind = "exprot"'), "unknown kind 'exprot'", "did you mean 'export'?"),
    "typo in a setting": (("format =", "fromat ="), "stage 1 (onnx): unknown key 'fromat'", "did you mean 'format'?"),
    "typo in from": (
        ('from = "start"', 'form = "start"'),
        "the key 'from' is missing",
        "is 'form' meant to be 'from'?",
    ),
    "typo at the top": (("[lines]", "[line]"), "unknown key 'line'", "did you mean 'lines'?"),
    "typo in a line set": (("train =", "trian ="), "unknown key 'trian'", "did you mean 'train'?"),
    "wrong type": (('from = "start"', "from = 3"), "expected str, found 3", ""),
    "no such exporter": (
        ('format = "onnx"', 'format = "onxn"'),
        "stage 1 (onnx): no exporter makes onxn fp32",
        "onnx-fp32",
    ),
    "target of no stage": (('stage = "ov"', 'stage = "onxn"'), "runs stage 'onxn'", "did you mean 'onnx'?"),
    "threads": (("[lines]", "[measure]\nthreads = 0\n[lines]"), "threads must be at least 1", ""),
    "not TOML": (("[lines]", "[lines"), "not valid TOML", ""),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_what_was_meant(write, name):
    change, message, remedy = MISTAKES[name]
    with pytest.raises(RecipeError) as caught:
        load_compress_recipe(write(change))
    assert message in caught.value.message
    assert remedy in caught.value.remedy


def test_nothing_to_measure_and_names_that_stand_twice_are_refused(write):
    target = '[[target]]\nstage = "ov"\nruntime = "openvino"\n'
    with pytest.raises(RecipeError, match="two targets are called 'ov, openvino'"):
        load_compress_recipe(write((target, target + target)))
    with pytest.raises(RecipeError, match="'target' is missing"):
        load_compress_recipe(write((target, "")))
    with pytest.raises(RecipeError, match="nothing is to be measured"):
        load_compress_recipe(write((target, ""), ('start = "start', 'target = []\nstart = "start')))
    assert len(load_compress_recipe(write((target, target + target + 'name = "again"\n'))).targets) == 2


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(RecipeError, match="cannot be read"):
        load_compress_recipe(tmp_path / "nothing.toml")
