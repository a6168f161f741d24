"""A recipe that starts from weights of others, and a charset that knows more than its lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


torch = pytest.importorskip("torch", reason="training needs torch")

from inkport.core.attribution import ATTRIBUTION  # noqa: E402
from inkport.core.errors import RecipeError, UsageError  # noqa: E402
from inkport.export.from_torch.network import safetensors_from_weights  # noqa: E402
from inkport.model.weights import Weights, deploy_tensors, load_weights  # noqa: E402
from inkport.model.zoo import build  # noqa: E402
from inkport.train import prepare  # noqa: E402
from inkport.train.device import Group  # noqa: E402
from inkport.train.loop import Trainer  # noqa: E402
from inkport.train.prepare import line_times, prepare_data  # noqa: E402
from inkport.train.recipe import load_recipe  # noqa: E402
from inkport.train.symbols import read_symbols  # noqa: E402


TOY = {"height": 48, "stem": 8, "channels": [8, 8, 12], "blocks": [1, 1, 1], "dim": 16, "heads": 2, "depth": 1}
LATIN = Path(__file__).parents[3] / "recipes/symbols-latin.txt"


@pytest.fixture
def load(toy_recipe, monkeypatch):
    """Returns what prepares a recipe whose pretrained weights are those of a small network."""

    def pretrained(spec):
        torch.manual_seed(5)
        network = build(spec.name, spec.charset.size, TOY)
        credit = {ATTRIBUTION: "Descends from a toy."}
        return Weights(spec=spec, config=TOY, provenance=credit, tensors=deploy_tensors(network))

    monkeypatch.setattr(prepare, "pretrained", pretrained)
    optim = {"steps": 1, "batch": 4, "lr": 1e-12}
    return lambda **keys: toy_recipe(model="ppocr-small", network={}, init="ppocr", optim=optim, **keys)


def train(recipe, base):
    Trainer(recipe, prepare_data(recipe, base), base / "run", group=Group(), report=[].append).run()
    return load_weights(base / "run/last.safetensors")


def test_a_training_starts_from_them_and_its_weights_name_their_makers(load, tmp_path):
    recipe = load()
    start = prepare_data(recipe, tmp_path).start
    trained = train(recipe, tmp_path)
    # At so small a rate only the batch norms' statistics move.
    for name in ("head.weight", "cnn.0.first.weight", "encoder.0.feed.0.weight"):
        torch.testing.assert_close(trained.tensors[name], start.tensors[name], atol=1e-6, rtol=0)
    artifact = safetensors_from_weights(tmp_path / "run/last.safetensors", tmp_path / "artifact")
    assert artifact.provenance.attribution == "Descends from a toy."
    assert json.loads((artifact.path / "recogniser.json").read_text("utf-8"))["provenance"]["attribution"]


def test_two_starts_are_refused(load):
    with pytest.raises(RecipeError, match=r"start names x\.safetensors and init 'ppocr'"):
        load(start="x.safetensors")


def test_symbols_of_a_file_come_first_then_those_of_the_lines(load, tmp_path):
    lines = prepare_data(load(), tmp_path).spec.charset.symbols
    known, new = lines[1], "ßł"
    (tmp_path / "symbols.txt").write_text(f"{new[1]}{known}\n{new[0]}\n", "utf-8")
    data = prepare_data(load(symbols="symbols.txt"), tmp_path)
    rest = [symbol for symbol in lines if symbol not in f" {known}"]
    assert data.spec.charset.symbols == (" ", "ł", known, "ß", *rest)
    assert data.start.spec.charset == data.spec.charset


def test_symbols_beside_those_of_weights_are_refused(toy_recipe):
    with pytest.raises(RecipeError, match="charset 'start' takes all symbols from weights"):
        toy_recipe(charset="start", start="x.safetensors", symbols="symbols.txt", optim={"steps": 1})


def test_a_file_of_symbols_that_is_missing_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"nothing\.txt: cannot be read"):
        read_symbols(tmp_path / "nothing.txt")


def test_the_latin_charset_goes_on_behind_the_shipped_one():
    symbols = read_symbols(LATIN).symbols
    shipped = load_weights(LATIN.parents[1] / "model/shipped/convtext-tiny/weights.safetensors").spec.charset.symbols
    assert symbols[: len(shipped)] == shipped
    words = "Größe ¿Mañana? żółć řeč ĳ þæð Ősz găsește ığdır ħobż ŷd ģimene ūsas čvršće coração l·l l'été œuvre"  # noqa: RUF001
    assert set(words) - set(symbols) == {"ĳ"}


def test_lines_of_a_data_set_are_seen_as_often_as_the_recipe_says(load, tmp_path):
    recipe = load()
    data = prepare_data(recipe, tmp_path)
    assert line_times(recipe, data) is None
    name = data.train.lines[0].dataset
    often = load(data={"train": [str(path) for path in recipe.data.train], "val": ["val"], "times": {name: 2.5}})
    assert line_times(often, data).tolist() == [2.5] * len(data.lines)
    other = load(data={"train": [str(path) for path in recipe.data.train], "val": ["val"], "times": {"copist": 3}})
    with pytest.raises(RecipeError, match=f"names copist, the training lines are of {name}"):
        line_times(other, data)


@pytest.mark.parametrize("times", [0, -1, 1001])
def test_times_out_of_range_are_refused(load, times):
    with pytest.raises(RecipeError, match=r"data\.times must be above 0"):
        load(data={"train": ["a"], "val": ["b"], "times": {"copiste": times}})


def test_the_recipe_of_the_teacher_asks_for_what_is_there():
    recipe = load_recipe(LATIN.parent / "ppocr-teacher.toml")
    names = {path.parent.parent.name if path.name == "lines.tsv" else path.stem for path in recipe.data.train}
    known = {name.rsplit("-", 1)[-1] for name in names} | {f"synth-{code}" for code in ("en", "de", "it", "es")}
    assert recipe.data.times.keys() <= known
