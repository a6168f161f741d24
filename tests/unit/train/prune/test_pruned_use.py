"""Pruned weights go where weights go: into ONNX, into a training, through the command line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest


torch = pytest.importorskip("torch", reason="networks are torch")
pytest.importorskip("torch_pruning", reason="pruning needs torch-pruning")

from inkport.cli import app  # noqa: E402
from inkport.commands import _latency  # noqa: E402
from inkport.core.config import parse_config  # noqa: E402
from inkport.core.errors import LineDataError, UsageError  # noqa: E402
from inkport.lines.roles import Role, lines_of, record_lines  # noqa: E402
from inkport.lines.source import read_lines  # noqa: E402
from inkport.model.grow import grow_weights  # noqa: E402
from inkport.model.weights import load_weights, save_weights  # noqa: E402
from inkport.train.device import Group  # noqa: E402
from inkport.train.loop import Trainer  # noqa: E402
from inkport.train.prepare import prepare_data  # noqa: E402
from inkport.train.prune.apply import (  # noqa: E402
    Pruning,
    factorise_weights,
    prune_weights,
)
from inkport.train.recipe import Recipe  # noqa: E402


RATIOS = {"stage.0": 0.34, "residual.0.inner": 0.7, "encoder.0.heads": 0.34, "encoder.1": 1.0, "width": 0.34}


@pytest.fixture
def small(parent, tmp_path):
    made = factorise_weights(prune_weights(parent, Pruning(ratios=RATIOS, multiple=4)), {"cnn.3.body.0.0": 5})
    save_weights(tmp_path / "small.safetensors", made)
    return tmp_path / "small.safetensors"


def test_the_graph_is_really_smaller_and_reads_the_same(small, tmp_path, rng):
    onnx = pytest.importorskip("onnx", reason="the exporter needs onnx")
    onnxruntime = pytest.importorskip("onnxruntime", reason="the exported graph runs in ONNX Runtime")
    app(["export", str(small), "--to", "onnx-fp32", "--out", str(tmp_path / "out")], result_action="return_value")
    path = next((tmp_path / "out" / "onnx-fp32").glob("*.onnx"))
    graph = onnx.load(path).graph
    filters = {tuple(tensor.dims) for tensor in graph.initializer if len(tensor.dims) == 4}
    assert {(4, 8, 3, 3), (8, 4, 3, 3), (5, 8, 3, 3), (12, 5, 1, 1)} <= filters
    assert (12, 12, 3, 3) not in filters
    assert "BatchNormalization" not in {node.op_type for node in graph.node}
    images = rng.random((2, 1, 48, 112), dtype=np.float32)
    with torch.inference_mode():
        wanted = load_weights(small).network()(torch.from_numpy(images)).numpy()
    found = onnxruntime.InferenceSession(path).run(["logits"], {"images": images})[0]
    np.testing.assert_allclose(found, wanted, atol=1e-4 * max(1.0, float(np.abs(wanted).max())))


def test_a_training_goes_on_with_the_pruned_network(small, lines_folder, other_lines, tmp_path):
    (tmp_path / "val").mkdir()
    for suffix in (".png", ".gt.txt"):
        (tmp_path / "val" / f"v{suffix}").write_bytes((other_lines / f"line0{suffix}").read_bytes())
    settings = {
        "model": "convtext-tiny",
        "start": small.name,
        "charset": "start",
        "data": {"train": [str(lines_folder)], "val": ["val"]},
        "optim": {"steps": 1, "batch": 4, "optimiser": "muon"},
    }
    recipe = parse_config(Recipe, settings, where="recipe")
    data = prepare_data(recipe, tmp_path)
    Trainer(recipe, data, tmp_path / "run", group=Group(), report=[].append).run()
    trained = load_weights(tmp_path / "run" / "last.safetensors")
    assert trained.config == load_weights(small).config
    assert trained.network().config.block_heads == (2,)


def test_growing_refuses_what_is_pruned(small):
    with pytest.raises(UsageError, match="pruned or factorised"):
        grow_weights(load_weights(small), "convtext-small")


def test_the_commands_lead_from_a_scan_to_a_smaller_file(parent, lines_folder, other_lines, tmp_path, capsys):
    start = tmp_path / "parent.safetensors"
    save_weights(start, parent)

    def run(*words):
        app(["prune", *map(str, words)], result_action="return_value")
        return capsys.readouterr().out

    assert "residual.0.inner" in run("groups", start)
    words = ["--lines", lines_folder, "--group", "stage.0", "residual.2.inner", "--multiple", 4, "--most-lines", 5]
    run("scan", start, "--out", tmp_path / "scan.json", *words)
    plan = ["--scan", tmp_path / "scan.json", "--share", 0.8, "--out", tmp_path / "plan.toml"]
    assert "[ratios]" in run("plan", start, *plan)
    with pytest.raises(LineDataError, match="6 lines are in both --lines and --train"):
        run("scan", start, "--out", tmp_path / "other.json", *words, "--train", lines_folder)
    out = tmp_path / "small.safetensors"
    lines = ["--train", other_lines, "--statistics"]
    run("apply", start, "--recipe", tmp_path / "plan.toml", "--ratio", "stem=0.5", "--out", out, *lines)
    made = load_weights(out)
    assert made.network().config.stem == 4
    assert made.provenance["prune"]["calibration"]["lines"] == 6
    assert lines_of(made.provenance) == record_lines({Role.TRAIN: read_lines([other_lines])})
    run("factorize", out, "--rank", "encoder.0.feed_in.0=4", "--out", tmp_path / "thin.safetensors")
    assert load_weights(tmp_path / "thin.safetensors").config["ranks"] == {"encoder.0.feed_in.0": 4}
    with pytest.raises(UsageError, match="scan of other weights"):
        run("plan", out, *plan)
    with pytest.raises(UsageError, match="nothing is to be removed"):
        run("apply", start, "--out", out)
    with pytest.raises(UsageError, match="NAME=NUMBER"):
        run("apply", start, "--out", out, "--ratio", "stem:0.5")


def test_test_lines_choose_nothing(parent, lines, tmp_path, monkeypatch):
    save_weights(tmp_path / "parent.safetensors", parent)
    held_out = [replace(lines.lines[0], split="test")]
    monkeypatch.setattr("inkport.lines.source.read_lines", lambda _: iter(held_out))
    words = ["scan", str(tmp_path / "parent.safetensors"), "--lines", "any", "--out", str(tmp_path / "scan.json")]
    with pytest.raises(LineDataError, match="split is 'test'"):
        app(["prune", *words], result_action="return_value")
    assert not (tmp_path / "scan.json").exists()


def test_measured_time_is_relative_to_the_parent_in_the_same_turns(parent, small, monkeypatch):
    """A machine that has become three times slower since the parent was timed makes no variant slower."""
    clock, pace = [0], [1]

    class Session:
        def __init__(self, weights):
            self.took = 1000 if weights is parent else 600

        def run(self, images):
            assert images.shape == (1, 1, 48, 64)
            clock[0] += self.took * pace[0]

    monkeypatch.setattr(_latency, "_session", Session)
    monkeypatch.setattr(_latency.time, "perf_counter_ns", lambda: clock[0])
    cost = _latency.LatencyCost(parent, width=64, turns=5)
    pace[0] = 3
    assert cost(load_weights(small)) == 600
    assert cost(parent) == 1000
