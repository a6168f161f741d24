"""An ablation for real: two arms on six rendered lines, each training in a process of its own."""

from __future__ import annotations

import json

import jsonschema
import pytest


pytest.importorskip("torch", reason="training needs torch")

from inkport.benchmarks.report.schema import schema_of
from inkport.commands.train.ablate import ablate
from inkport.core.errors import TrainingError, UsageError
from inkport.core.files import sha256_file
from inkport.model.weights import Weights, deploy_tensors, load_weights, save_weights
from inkport.model.zoo import build


BASE = """
model = "convtext-tiny"
charset = "teacher"
start = "toy.safetensors"
validate_every = 2
[data]
train = ["{lines}"]
val = ["val"]
[optim]
steps = 2
batch = 6
[distil]
teacher = "toy.safetensors"
"""
ABLATION = """
base = "base.toml"
reference = "none"
seeds = [1]
[evaluate]
val = ["val"]
train = ["{lines}"]
[arms.none]
[arms.taught]
"distil.sequence" = 1
"distil.feature" = 0.5
"""


@pytest.fixture
def ablation(tmp_path, lines_folder, other_lines, toy_spec, toy_config):
    (tmp_path / "val").mkdir()
    for suffix in (".png", ".gt.txt"):
        (tmp_path / "val" / f"v{suffix}").write_bytes((other_lines / f"line0{suffix}").read_bytes())
    network = build(toy_spec.name, toy_spec.charset.size, toy_config)
    weights = Weights(spec=toy_spec, config=toy_config, provenance={}, tensors=deploy_tensors(network))
    save_weights(tmp_path / "toy.safetensors", weights)
    (tmp_path / "base.toml").write_text(BASE.format(lines=lines_folder))
    path = tmp_path / "ablation.toml"
    path.write_text(ABLATION.format(lines=lines_folder))
    return path


def log_of(out, run):
    return (out / run / "output.log").read_text()


def test_an_ablation_is_run_once_continued_and_bound_to_its_recipe(ablation, tmp_path, capsys):
    out = tmp_path / "out"
    broken = ablation.read_text()
    # An arm that fails while training; the other one is finished all the same.
    ablation.write_text(broken + '[arms.broken]\nstart = "nowhere.safetensors"\n')
    with pytest.raises(TrainingError, match=r"1 of 3 runs failed:\n  broken-1: training failed, see .*output\.log"):
        ablate(ablation, out=out, jobs=2)
    assert "nowhere.safetensors: no such weights file" in log_of(out, "broken-1")
    assert not (out / "ablation.json").exists()
    logs = {run: log_of(out, run) for run in ("none-1", "taught-1")}

    ablation.write_text(broken)
    (out / "none-1" / "evaluation.json").unlink()
    weights = {run: sha256_file(out / run / "last.safetensors") for run in logs}
    capsys.readouterr()
    ablate(ablation, out=out)
    said = capsys.readouterr()
    assert "none-1: evaluating\n" in said.err
    assert "taught-1: finished before\n" in said.err
    assert "continuing after step 2" in log_of(out, "none-1").removeprefix(logs["none-1"])
    assert log_of(out, "taught-1") == logs["taught-1"]
    assert {run: sha256_file(out / run / "last.safetensors") for run in logs} == weights

    report = json.loads((out / "ablation.json").read_text())
    schema = schema_of("ablate")
    jsonschema.validate(report, schema)
    assert [arm["weights_sha256"] for arm in report["arms"]] == [[weights["none-1"]], [weights["taught-1"]]]
    assert [(row["role"], row["arm"], row["lines"]) for row in report["rows"]] == [
        ("val", "none", 1),
        ("val", "taught", 1),
        ("train", "none", 6),
        ("train", "taught", 6),
    ]
    recorded = load_weights(out / "none-1" / "last.safetensors").provenance["val_cer"]
    assert report["rows"][0]["cer"] == [pytest.approx(recorded)]
    assert said.out == (out / "ablation.md").read_text()
    assert load_weights(out / "taught-1" / "last.safetensors").provenance["distil"]["readings"]["count"] == 6

    ablation.write_text(broken.replace('"distil.feature" = 0.5', '"distil.feature" = 0.25'))
    with pytest.raises(UsageError, match=r"taught-1: made by another recipe"):
        ablate(ablation, out=out)
