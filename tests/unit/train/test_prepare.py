from __future__ import annotations

import re
from dataclasses import replace

import pytest
from PIL import Image


torch = pytest.importorskip("torch", reason="training needs torch")

from inkport.core.errors import LineDataError, RecipeError, SpecMismatchError, UnknownSymbolError  # noqa: E402
from inkport.export.from_torch.network import safetensors_from_weights  # noqa: E402
from inkport.lines.audit import Problem  # noqa: E402
from inkport.lines.roles import LINE_DIGESTS, Role, record_lines  # noqa: E402
from inkport.lines.source import read_lines  # noqa: E402
from inkport.model.weights import load_weights  # noqa: E402
from inkport.train.device import Group  # noqa: E402
from inkport.train.loop import Trainer  # noqa: E402
from inkport.train.prepare import prepare_data  # noqa: E402
from inkport.train.recipe import load_recipe  # noqa: E402


RECIPE = """
model = "convtext-tiny"
{extra}
[data]
train = ["{train}"]
val = ["val"]
[optim]
steps = 1
batch = 4
lr = {lr}
"""


@pytest.fixture
def recipe(tmp_path, lines_folder, other_lines):
    (tmp_path / "val").mkdir()
    for suffix in (".png", ".gt.txt"):
        (tmp_path / "val" / f"v{suffix}").write_bytes((other_lines / f"line0{suffix}").read_bytes())

    def write(extra: str = "", train: object = lines_folder, lr: float = 1e-3):
        path = tmp_path / "recipe.toml"
        path.write_text(RECIPE.format(extra=extra, train=train, lr=lr), encoding="utf-8")
        return load_recipe(path)

    return write


def train_once(recipe, base, out):
    Trainer(recipe, prepare_data(recipe, base), out, group=Group(), report=[].append).run()
    return load_weights(out / "last.safetensors")


def test_training_starts_from_the_weights_that_the_recipe_names(recipe, tmp_path):
    first = train_once(recipe(), tmp_path, tmp_path / "one")
    still = train_once(recipe('seed = 2\nstart = "one/last.safetensors"', lr=1e-12), tmp_path, tmp_path / "two")
    fresh = train_once(recipe("seed = 2", lr=1e-12), tmp_path, tmp_path / "three")
    name = "head.weight"
    torch.testing.assert_close(still.tensors[name], first.tensors[name], atol=1e-6, rtol=0)
    assert not torch.allclose(fresh.tensors[name], first.tensors[name], atol=1e-3)


def test_weights_of_other_symbols_are_refused(recipe, tmp_path, lines_folder):
    train_once(recipe(), tmp_path, tmp_path / "one")
    other = tmp_path / "other"
    other.mkdir()
    (other / "x.png").write_bytes((lines_folder / "line0.png").read_bytes())
    (other / "x.gt.txt").write_text("abcz", encoding="utf-8")
    with pytest.raises(SpecMismatchError, match=r"one/last\.safetensors"):
        prepare_data(recipe('start = "one/last.safetensors"', train=other), tmp_path)


def test_an_empty_training_set_is_refused(recipe, tmp_path):
    (tmp_path / "none.tsv").write_text("image\ttext\n", encoding="utf-8")
    with pytest.raises(LineDataError, match="train has 0 lines"):
        prepare_data(recipe(train=tmp_path / "none.tsv"), tmp_path)


def test_only_the_training_lines_give_symbols_and_each_line_is_counted(recipe, tmp_path):
    data = prepare_data(recipe(), tmp_path)
    assert len(data.lines) == 6
    assert [line.id for line in data.val.lines] == ["v.png"]
    assert set(data.spec.charset.symbols) == set(" abcdeé")
    assert data.train.inputs == []


@pytest.fixture
def later_lines(tmp_path, lines_folder):
    """A folder with one line; its text sorts behind the symbols of ``lines_folder``."""

    def write(text):
        folder = tmp_path / "later"
        folder.mkdir()
        (folder / "x.png").write_bytes((lines_folder / "line4.png").read_bytes())
        (folder / "x.gt.txt").write_text(text, encoding="utf-8")
        return folder

    return write


def test_a_start_gets_new_symbols_only_where_the_recipe_says_so(recipe, tmp_path, later_lines):
    first = train_once(recipe(), tmp_path, tmp_path / "one")
    # Sorted, the symbols of these texts are the old ones and a new one behind them.
    lines = later_lines(" abcdeéþ")
    start = 'start = "one/last.safetensors"'
    with pytest.raises(SpecMismatchError):
        prepare_data(recipe(start, train=lines), tmp_path)
    with pytest.raises(UnknownSymbolError, match=r"\['þ'\]"):
        prepare_data(recipe(f'{start}\ncharset = "start"', train=lines), tmp_path)
    extended = recipe(f'{start}\ncharset = "extend"', train=lines, lr=1e-12)
    assert prepare_data(extended, tmp_path).spec.charset.symbols == (*first.spec.charset.symbols, "þ")
    second = train_once(extended, tmp_path, tmp_path / "two")
    for name in ("head.weight", "shortcut.weight"):
        assert len(second.tensors[name]) == len(first.tensors[name]) + 1
        torch.testing.assert_close(second.tensors[name][:-1], first.tensors[name], atol=1e-6, rtol=0)


def test_fewer_symbols_train_on_with_the_charset_of_the_start(recipe, tmp_path, later_lines):
    first = train_once(recipe(), tmp_path, tmp_path / "one")
    data = prepare_data(recipe('start = "one/last.safetensors"\ncharset = "start"', train=later_lines("ab")), tmp_path)
    assert data.spec.charset == first.spec.charset


@pytest.mark.parametrize("source", ["start", "extend"])
def test_a_charset_of_no_weights_is_refused(recipe, source):
    with pytest.raises(RecipeError, match="start names none"):
        recipe(f'charset = "{source}"')


def test_the_provenance_of_a_start_is_kept(recipe, tmp_path):
    first = train_once(recipe(), tmp_path, tmp_path / "one")
    second = train_once(recipe('start = "one/last.safetensors"'), tmp_path, tmp_path / "two")
    assert first.provenance["start"] is None
    kept = {key: value for key, value in first.provenance.items() if key != LINE_DIGESTS}
    assert second.provenance["start"] == kept


@pytest.mark.parametrize("part", ["train", "val"])
def test_test_lines_are_refused_unless_the_recipe_allows_them(recipe, tmp_path, other_lines, part):
    row = f"{other_lines / 'line2.png'}\tz\tabc\tTest"
    (tmp_path / "held-out.tsv").write_text(f"image\tid\ttext\tsplit\n{row}\n", encoding="utf-8")
    recipe()
    text = (tmp_path / "recipe.toml").read_text(encoding="utf-8")
    text = re.sub(rf"{part} = .*", f'{part} = ["held-out.tsv"]', text)
    (tmp_path / "recipe.toml").write_text(text, encoding="utf-8")
    with pytest.raises(LineDataError, match="'z' is a test line"):
        prepare_data(load_recipe(tmp_path / "recipe.toml"), tmp_path)
    allowed = text.replace("[optim]", "allow_test_lines = true\n[optim]")
    (tmp_path / "recipe.toml").write_text(allowed, encoding="utf-8")
    data = prepare_data(load_recipe(tmp_path / "recipe.toml"), tmp_path)
    assert "z" in {line.id for line in (*data.train.lines, *data.val.lines)}


@pytest.mark.parametrize("charset", ["lines", "start"])
def test_lines_from_right_to_left_are_refused_with_the_reason_or_skipped(recipe, tmp_path, lines_folder, charset):
    train_once(recipe(), tmp_path, tmp_path / "first")
    folder = tmp_path / "mixed"
    folder.mkdir()
    for path in lines_folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "line1.gt.txt").write_text("ܫܠܡܐ", encoding="utf-8")
    extra = 'start = "first/last.safetensors"\ncharset = "start"' if charset == "start" else ""
    with pytest.raises(LineDataError, match=r"1 unusable lines(.|\n)*line1\.png: right-to-left: 'ܫ' \(U\+072B\)"):
        prepare_data(recipe(extra, train=folder), tmp_path)
    given = recipe(extra, train=folder)
    skipping = replace(given, data=replace(given.data, skip=(Problem.RIGHT_TO_LEFT,)))
    prepared = prepare_data(skipping, tmp_path)
    assert [(f.id, f.problem) for f in prepared.train.findings] == [("line1.png", Problem.RIGHT_TO_LEFT)]
    assert not set("ܫܠܡܐ") & set(prepared.spec.charset.symbols)


def copy_of(line, folder, name):
    folder.mkdir(exist_ok=True)
    Image.open(line.with_suffix(".png")).save(folder / f"{name}.bmp")
    (folder / f"{name}.gt.txt").write_bytes(line.with_suffix(".gt.txt").read_bytes())
    return folder


def test_other_lines_of_the_same_names_validate(recipe, tmp_path, lines_folder, other_lines):
    for file in (tmp_path / "val").iterdir():
        file.rename(file.with_name(file.name.replace("v.", "line3.")))
    data = prepare_data(recipe(), tmp_path)
    assert [line.id for line in data.val.lines] == ["line3.png"]
    expected = {Role.TRAIN: read_lines([lines_folder]), Role.VAL: list(read_lines([other_lines]))[:1]}
    assert data.line_digests == record_lines(expected)


def test_a_copy_of_a_training_line_does_not_validate(recipe, tmp_path, lines_folder):
    made = recipe()
    copy_of(lines_folder / "line2", tmp_path / "val", "renamed")
    with pytest.raises(LineDataError, match=r"in both train and val, for example 'line2.png' .*'renamed.bmp'"):
        prepare_data(made, tmp_path)


def test_a_line_that_the_start_was_trained_on_does_not_validate(recipe, tmp_path, lines_folder, later_lines):
    train_once(recipe(), tmp_path, tmp_path / "one")
    later = recipe('start = "one/last.safetensors"\ncharset = "start"', train=later_lines("ab"))
    copy_of(lines_folder / "line2", tmp_path / "val", "renamed")
    with pytest.raises(LineDataError, match=r"1 line is among those that .*one/last.safetensors was trained on"):
        prepare_data(later, tmp_path)


def test_weights_record_the_lines_of_all_that_they_descend_from(recipe, tmp_path, lines_folder, later_lines):
    train_once(recipe(), tmp_path, tmp_path / "one")
    later = later_lines("ab")
    second = train_once(
        recipe('start = "one/last.safetensors"\ncharset = "start"', train=later), tmp_path, tmp_path / "two"
    )
    expected = {Role.TRAIN: [*read_lines([lines_folder, later])], Role.VAL: [*read_lines([tmp_path / "val"])]}
    assert second.provenance[LINE_DIGESTS] == record_lines(expected)
    assert LINE_DIGESTS not in second.provenance["start"]
    artifact = safetensors_from_weights(tmp_path / "two" / "last.safetensors", tmp_path / "artifact")
    assert artifact.provenance.line_digests == record_lines(expected)
    assert LINE_DIGESTS not in artifact.provenance.options


def test_a_symbol_that_only_validation_has_is_an_error_and_not_a_fault(recipe, tmp_path):
    made = recipe()
    (tmp_path / "val" / "v.gt.txt").write_text("abcß", encoding="utf-8")
    data = prepare_data(made, tmp_path)
    assert "ß" not in data.spec.charset.symbols
    assert [line.text for line in data.val.lines] == ["abcß"]
    skipped = prepare_data(replace(made, data=replace(made.data, skip=(Problem.UNKNOWN_SYMBOL,))), tmp_path)
    assert skipped.val.lines == []
