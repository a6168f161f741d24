from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest


torch = pytest.importorskip("torch", reason="training needs torch")

from inkport.core.errors import RecipeError  # noqa: E402
from inkport.core.preprocess import PreprocessSpec, prepare  # noqa: E402
from inkport.export.quantize.calibration import choose_calibration  # noqa: E402
from inkport.lines.source import read_lines  # noqa: E402
from inkport.model.weights import load_weights  # noqa: E402
from inkport.model.zoo import build  # noqa: E402
from inkport.train.device import Group  # noqa: E402
from inkport.train.loop import Trainer  # noqa: E402
from inkport.train.prepare import prepare_data  # noqa: E402
from inkport.train.qat import FakeQuantized, calibration_lines  # noqa: E402
from inkport.train.recipe import load_recipe  # noqa: E402
from inkport.train.recipe_sections import QatRecipe  # noqa: E402


RECIPE = """
model = "convtext-tiny"
start = "{start}"
charset = "start"
validate_every = 3
checkpoint_every = 2
[data]
train = ["{lines}"]
val = ["val"]
[optim]
steps = 6
batch = 4
lr = {lr}
ema = 0.5
bf16 = false
[qat]
calibration_lines = 4
{qat}
"""


@pytest.fixture
def recipe(tmp_path, lines_folder, other_lines, toy_artifact):
    (tmp_path / "val").mkdir()
    for suffix in (".png", ".gt.txt"):
        (tmp_path / "val" / f"v{suffix}").write_bytes((other_lines / f"line0{suffix}").read_bytes())

    def write(qat: str = "", lr: float = 1e-3):
        path = tmp_path / "recipe.toml"
        start = toy_artifact.file(".safetensors")
        path.write_text(RECIPE.format(start=start, lines=lines_folder, lr=lr, qat=qat), encoding="utf-8")
        return load_recipe(path)

    return write


def train(recipe, base, name, report=lambda _entry: None):
    Trainer(recipe, prepare_data(recipe, base), base / name, group=Group(), report=report).run()
    return load_weights(base / name / "last.safetensors")


@pytest.fixture
def toy(toy_artifact):
    """The toy's network, and images of two widths."""
    torch.manual_seed(3)
    weights = load_weights(toy_artifact.file(".safetensors"))
    return weights.network(), [torch.rand(1, 1, 48, width) for width in (96, 160)]


def relative(found, wanted) -> float:
    return float((found - wanted).norm() / wanted.norm())


def test_equal_seeds_give_equal_weights_and_a_resumed_training_those_of_a_whole_one(recipe, tmp_path):
    settings = recipe()
    whole = train(settings, tmp_path, "whole")

    def kill(entry):
        if "val_cer" in entry and entry["step"] == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(settings, tmp_path, "killed", kill)
    train(settings, tmp_path, "killed")
    last = [tmp_path / name / "last.safetensors" for name in ("whole", "killed")]
    assert last[0].read_bytes() == last[1].read_bytes()
    assert whole.provenance["qat"]["recipe"] == settings.digest


def test_training_moves_weights_and_ranges_and_leaves_a_network_that_reads_in_fp32(recipe, tmp_path, toy_artifact):
    start = load_weights(toy_artifact.file(".safetensors"))
    still = train(recipe("freeze_after = 0", lr=1e-9), tmp_path, "still")
    moved = train(recipe("freeze_after = 0", lr=3e-3), tmp_path, "moved")
    before, after = (weights.provenance["qat"]["ranges"] for weights in (still, moved))
    assert before.keys() == after.keys()
    for site, (low, high) in before.items():
        assert (low == 0) == (after[site][0] == 0), "a range that begins at 0 keeps doing so"
        assert 0.5 < after[site][1] / high < 2
    assert sum(abs(after[site][1] / before[site][1] - 1) > 1e-3 for site in before) > len(before) / 2
    assert moved.tensors.keys() == start.tensors.keys()
    image = torch.rand(1, 1, 48, 96)
    with torch.inference_mode():
        wanted = start.network()(image)
        assert relative(still.network()(image), wanted) < 1e-3
        assert relative(moved.network()(image), wanted) > 0.02


def test_ranges_that_may_not_move_stay_as_measured(recipe, tmp_path):
    ranges = [
        train(recipe("range_rate = 0", lr=lr), tmp_path, f"{lr}").provenance["qat"]["ranges"] for lr in (1e-9, 3e-3)
    ]
    assert ranges[0] == ranges[1]


@pytest.mark.parametrize(("share", "moves"), [("0", False), ("0.5", True)])
def test_statistics_stand_still_after_their_share_of_the_steps(recipe, tmp_path, toy_artifact, share, moves):
    start = load_weights(toy_artifact.file(".safetensors")).tensors
    found = train(recipe(f"freeze_after = {share}"), tmp_path, "run").tensors
    names = [name for name in start if name.endswith("running_mean")]
    assert [torch.equal(start[name], found[name]) for name in names] == [not moves] * len(names)
    # The toy's weights come fresh, so that it has counted nothing.
    assert int(found["cnn.0.1.num_batches_tracked"]) == (3 if moves else 0)


def test_batch_statistics_and_folded_ones_give_the_same_where_they_are_equal(toy):
    network, _ = toy
    quantized = FakeQuantized(network, QatRecipe(), PreprocessSpec())
    batch = torch.rand(4, 1, 48, 96)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            module.momentum = 1.0
    # The first quantized layer: later ones get roundings of roundings, which a tie sends another way.
    seen = []
    network.cnn[2].body[0].register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    network.train()
    with torch.no_grad():
        network(batch)
        quantized.measure([batch])
        for _ in range(4):  # each pass settles one more norm
            quantized.forward_train(batch)
        quantized.at(1.0)
        frozen = quantized.forward_train(batch).logits
        network.eval()
        assert torch.equal(quantized(batch), frozen)
    live, folded = seen[-3], seen[-2]
    assert not torch.equal(live, folded)
    # Variances of a batch and of what it estimates differ by n / (n - 1).
    assert relative(live, folded) < 0.02


def test_the_result_is_near_fp32_and_not_equal_and_gradients_reach_everything(toy):
    network, images = toy
    quantized = FakeQuantized(network, QatRecipe(), PreprocessSpec())
    quantized.measure(images)
    with torch.no_grad():
        for image in images:
            assert 1e-4 < relative(quantized(image), network(image)) < 0.1
    output = quantized.forward_train(torch.rand(2, 1, 48, 96))
    (output.logits.square().sum() + output.auxiliary["shortcut"].sum()).backward()
    without = [n for n, p in quantized.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    # Attention does not change when all keys are moved alike.
    assert {name.rpartition("attention.")[2] for name in without} <= {"key.bias"}


@pytest.mark.parametrize("name", ["convtext-base", "crnn", "htr-vt"])
def test_other_networks_can_be_trained_too(name):
    settings = {
        "convtext-base": {
            "stem": 8,
            "channels": [16, 16, 16],
            "blocks": [2, 1, 1],
            "dim": 24,
            "heads": 2,
            "hidden": 32,
        },
        "htr-vt": {"dim": 16, "heads": 2, "depth": 1},
        "crnn": {"height": 32, "stem": 4, "channels": [8, 8, 12], "blocks": [1, 2, 1], "hidden": 6, "layers": 2},
    }
    network = build(name, 8, settings[name])
    height = {"convtext-base": 48, "crnn": 32, "htr-vt": 64}[name]
    statistics = [buffer.clone() for buffer in network.buffers()]
    quantized = FakeQuantized(network, QatRecipe(), PreprocessSpec(height=height))
    quantized.measure([torch.rand(1, 1, height, 96)])
    assert all(torch.equal(a, b) for a, b in zip(statistics, network.buffers(), strict=True)), "planning trains nothing"
    quantized.train()
    quantized.forward_train(torch.rand(2, 1, height, 96)).logits.sum().backward()
    assert quantized.high_move.grad.abs().sum() > 0


def test_calibration_lines_are_those_that_the_exporter_would_choose(lines_folder):
    lines = list(read_lines([lines_folder]))
    wanted = choose_calibration(lines, PreprocessSpec(), count=4)
    copies = [replace(line, id=f"{line.id}#2") for line in lines]
    found = calibration_lines([*lines[::-1], *copies], 4)
    assert tuple(line.id for line in found) == wanted.record.ids
    assert hashlib.sha256(prepare(found[0].gray(), PreprocessSpec())).digest() == (
        hashlib.sha256(wanted.inputs[0]).digest()
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"calibration_lines": 0}, "calibration_lines"),
        ({"freeze_after": 1.5}, "freeze_after"),
        ({"range_rate": -1.0}, "range_rate"),
    ],
)
def test_impossible_settings_are_refused(settings, said):
    with pytest.raises(RecipeError, match=said):
        QatRecipe(**settings)


def test_training_from_fresh_weights_is_refused(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text('model = "convtext-tiny"\n[data]\ntrain = []\nval = []\n[optim]\nsteps = 1\n[qat]\n', "utf-8")
    with pytest.raises(RecipeError, match="qat needs trained weights"):
        load_recipe(path)
