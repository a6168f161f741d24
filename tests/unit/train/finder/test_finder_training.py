"""A finder is trained on a few rendered pages, and is killed and goes on as if nothing had been."""

from __future__ import annotations

import json
import math

import pytest


pytest.importorskip("torch", reason="training needs torch")

import torch

from inkport.cli import app
from inkport.core.config import parse_config
from inkport.core.errors import ArtifactCorruptError, CheckpointError, LineDataError
from inkport.model.finder_weights import load_finder, save_finder
from inkport.model.weights import load_weights
from inkport.train.finder.loop import FinderTrainer
from inkport.train.finder.prepare import prepare_pages
from inkport.train.finder.recipe import FinderRecipe


TOY = {"channels": [4, 4, 8, 8], "dilations": [1]}


@pytest.fixture
def pages(make_set, write_page):
    """Sets of two pages for training and of one for validation, which is another one."""
    make_set(write_page("a"), write_page("bb"), name="train.parquet")
    make_set(write_page("ccc", split="val"), name="val.parquet")


@pytest.fixture
def make_trainer(tmp_path, pages):  # noqa: ARG001 - writes the files
    """Returns what makes a trainer of a recipe with some keys changed, and its log."""

    def make(out="run", **keys):
        plain = {
            "train": ["train.parquet"],
            "val": ["val.parquet"],
            "network": TOY,
            "validate_every": 3,
            "checkpoint_every": 2,
            "optim": {"steps": 4, "batch": 2},
        }
        recipe = parse_config(FinderRecipe, plain | keys, where="recipe")
        return FinderTrainer(recipe, prepare_pages(recipe, tmp_path), tmp_path / out, report=lambda _: None)

    return make


def files(folder):
    return {
        name: (folder / name).read_bytes()
        for name in ("finder.safetensors", "best.safetensors", "checkpoint.safetensors")
    }


def logged(folder):
    """Steps of the log, and which were validated; a loss is that since the run went on."""
    entries = map(json.loads, (folder / "log.jsonl").read_text().splitlines())
    return [(entry["step"], "val_recall" in entry) for entry in entries]


class _KilledError(Exception):
    pass


def test_killed_and_resumed_gives_the_bytes_of_an_uninterrupted_run(make_trainer, tmp_path):
    make_trainer("whole").run()
    killed = make_trainer("killed")

    def die(entry):
        # Step 3 is validated after the checkpoint of step 2: the log has more than the checkpoint.
        if entry["step"] == 3:
            raise _KilledError

    killed.report = die
    with pytest.raises(_KilledError):
        killed.run()
    resumed = make_trainer("killed")
    assert resumed.step == 2
    resumed.run()
    assert files(tmp_path / "killed") == files(tmp_path / "whole")
    assert logged(tmp_path / "killed") == logged(tmp_path / "whole") == [(3, True), (4, False), (4, True)]


def test_the_weights_say_what_they_are_and_where_they_come_from(make_trainer, tmp_path):
    trainer = make_trainer(licence="CC-BY-4.0", attribution="Somebody", version="7")
    trainer.run()
    weights = load_finder(tmp_path / "run/finder.safetensors")
    assert (weights.version, weights.licence, weights.attribution) == ("7", "CC-BY-4.0", "Somebody")
    assert weights.config == trainer.recipe.network
    about = weights.provenance
    assert about["recipe"]["digest"] == trainer.recipe.digest
    assert (about["step"], about["train_pages"]["count"], about["page_licences"]) == (4, 2, ["CC0-1.0"])
    assert set(about["page_digests"]) == {"train", "val"}
    for name, tensor in weights.network().state_dict().items():
        assert torch.equal(tensor, trainer.average.tensors()[name])
    again = tmp_path / "again.safetensors"
    save_finder(again, weights)
    assert again.read_bytes() == (tmp_path / "run/finder.safetensors").read_bytes()
    with pytest.raises(ArtifactCorruptError, match="without inkport's metadata"):
        load_weights(again)


def test_a_file_that_holds_no_finder_is_refused(tmp_path, save_toy):
    with pytest.raises(ArtifactCorruptError, match="without the metadata of a finder"):
        load_finder(save_toy("reader.safetensors"))
    (tmp_path / "junk.safetensors").write_bytes(b"junk")
    with pytest.raises(ArtifactCorruptError, match="not a readable"):
        load_finder(tmp_path / "junk.safetensors")


def test_a_checkpoint_of_other_pages_or_another_recipe_is_refused(make_trainer, make_set, write_page):
    make_trainer().run()
    with pytest.raises(CheckpointError, match="another recipe"):
        make_trainer(seed=2)
    make_set(write_page("a"), write_page("dddd"), name="train.parquet")
    with pytest.raises(CheckpointError, match="another recipe"):
        make_trainer()


def test_a_page_is_not_both_for_training_and_for_validation(make_trainer, make_set, write_page):
    make_set(write_page("a", split="val"), name="val.parquet")
    with pytest.raises(LineDataError, match="is in val, and in train as 'a'"):
        make_trainer()


def test_validation_pages_without_a_line_choose_nothing(make_trainer, make_set, write_page):
    make_set(write_page("e", lines=0, split="val"), name="val.parquet")
    with pytest.raises(LineDataError, match="val 0 lines"):
        make_trainer()


def test_the_best_weights_are_kept_when_later_ones_are_worse(make_trainer, tmp_path, monkeypatch):
    from inkport.train.finder import loop
    from inkport.train.finder.validate import Found

    shown = iter([Found(3, 4, 4), Found(1, 4, 4), Found(4, 4, 5)])
    monkeypatch.setattr(loop, "validate", lambda *_: {"all": next(shown)})
    best = make_trainer(validate_every=1, optim={"steps": 3, "batch": 1}).run()
    assert best == pytest.approx((1 + 0.8) / 2)
    assert load_finder(tmp_path / "run/best.safetensors").provenance["step"] == 3
    shown = iter([Found(3, 4, 4), Found(1, 4, 4)])
    make_trainer("other", validate_every=1, optim={"steps": 2, "batch": 1}).run()
    assert load_finder(tmp_path / "other/best.safetensors").provenance["step"] == 1
    assert load_finder(tmp_path / "other/finder.safetensors").provenance["step"] == 2


@pytest.mark.usefixtures("pages")
def test_the_command_trains_a_recipe_whose_paths_are_its_own(tmp_path, capsys):
    recipe = tmp_path / "finder.toml"
    recipe.write_text(
        'train = ["train.parquet"]\nval = ["val.parquet"]\n[scenes]\nempty = 0.3\npictures = 0.3\nspreads = 0.3\n'
        "[network]\nchannels = [4, 4, 8, 8]\n[optim]\nsteps = 2\nbatch = 2\n",
        encoding="utf-8",
    )
    app(
        ["train", "finder", str(recipe), "--out", str(tmp_path / "out"), "--threads", "1"], result_action="return_value"
    )
    shown = capsys.readouterr()
    assert str(tmp_path / "out/best.safetensors") in shown.out
    assert "train: 2 pages, 8 lines" in shown.err
    entries = [json.loads(line) for line in (tmp_path / "out/log.jsonl").read_text().splitlines()]
    assert [sorted(entry) for entry in entries] == [["loss", "lr", "step"], ["step", "val_precision", "val_recall"]]
    assert math.isfinite(entries[0]["loss"])
    assert set(entries[1]["val_recall"]) == {"all", "toy"}


@pytest.mark.slow
def test_a_toy_learns_to_find_the_lines_of_a_page_that_it_has_not_seen(
    make_set, write_page, make_trainer, tmp_path, monkeypatch
):
    # A quarter of the area of an example takes a quarter of the time.
    monkeypatch.setattr("inkport.train.finder.scene.SIDE", 256)
    large = {"size": (1000, 750), "lines": 11}
    make_set(*(write_page(name, **large) for name in ("a", "bb", "ccc")), name="train.parquet")
    make_set(write_page("dddd", shade=235, split="val", **large), name="val.parquet")
    trainer = make_trainer(
        network={"channels": [12, 16, 24, 24]},
        validate_every=1000,
        checkpoint_every=1000,
        optim={"steps": 160, "batch": 6, "lr": 2e-2, "ema": 0.9, "clip": 5.0, "weight_decay": 0.01, "bf16": False},
    )
    trainer.run()
    about = load_finder(tmp_path / "run/best.safetensors").provenance
    assert about["val_recall"] >= 0.8
    assert about["val_precision"] >= 0.8
