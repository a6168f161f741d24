"""Documents that list settings list all of them, and figures in documents are those of the committed reports."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from inkport.core.bundle import BUNDLED
from inkport.core.files import sha256_file
from inkport.core.preprocess import PreprocessSpec


ROOT = Path(__file__).parents[2]


def test_every_recipe_key_is_documented():
    pytest.importorskip("torch", reason="train is a torch package")
    from inkport.train.recipe import AugmentRecipe, DataRecipe, OptimRecipe, Recipe

    text = (ROOT / "docs/training.md").read_text(encoding="utf-8")
    table = text.split("## Recipe keys", 1)[1]
    for cls in (Recipe, DataRecipe, OptimRecipe, AugmentRecipe, PreprocessSpec):
        for field in dataclasses.fields(cls):
            nested = field.name in {"data", "optim", "augment", "preprocess"}
            assert nested or f"{field.name}`" in table, f"{cls.__name__}.{field.name} is not in docs/training.md"


def test_the_frames_table_is_the_committed_report():
    text = (ROOT / "docs/frames.md").read_text(encoding="utf-8")
    shares = json.loads((ROOT / "docs/results/frames.json").read_text(encoding="utf-8"))
    assert len(shares) == 15
    for s in shares:
        mean, few, tight = f"{s['mean_frames']:.0f}", f"{s['too_few']:.3%}", f"{s['tight']:.2%}"
        assert f"| {s['height']} | {s['stride']} | {mean} | {few} | {tight} | {s['lines']} |" in text


@pytest.mark.parametrize("report", ["verify-samples", "verify-test"])
def test_the_error_rates_in_readme_are_those_of_the_committed_reports(report):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    data = _report(report)
    read = [target for target in data["targets"] if target["parity"]]
    assert len(read) >= 4
    for target in read:
        row = next(r for r in text.splitlines() if r.startswith(target["name"]) and _digest(data) in _block(text, r))
        assert f"{100 * target['parity']['cer']:.2f}" in row
        assert not target["latency"] or f"{target['latency']['p50_ms']:.3g}"[:3] in row


def test_reports_speak_of_the_shipped_model():
    from inkport.core.artifact import load_artifact

    root = load_artifact(ROOT / "model/shipped/convtext-tiny").digest
    bundled = {
        f"{runtime} int8": load_artifact(ROOT / "src/inkport/bundle" / folder)
        for runtime, folder in zip(("onnxruntime", "openvino"), BUNDLED[:2], strict=True)
    }
    assert {artifact.root for artifact in bundled.values()} == {root}
    small = load_artifact(ROOT / "src/inkport/bundle" / BUNDLED[2])
    proof = json.loads((ROOT / "docs/results/verify-small.json").read_text(encoding="utf-8"))
    assert load_artifact(ROOT / "model/shipped/convtext-small").digest == small.root
    assert proof["model"]["artifact"]["sha256"] == small.root
    assert small.digest in {target["artifact"]["sha256"] for target in proof["targets"]}
    for name in ("verify-test", "verify-samples"):
        data = json.loads((ROOT / f"docs/results/{name}.json").read_text(encoding="utf-8"))
        assert data["model"]["artifact"]["sha256"] == root
        found = {t["name"]: t["artifact"]["sha256"] for t in data["targets"] if t["name"] in bundled}
        assert found == {name: artifact.digest for name, artifact in bundled.items()}
    int8 = bundled["onnxruntime int8"].digest
    assert {int8, small.digest} <= {peer["sha256"] for peer in _report("peers")["peers"]}
    assert (_report("lm")["artifact"]["sha256"], _report("lm-small")["artifact"]["sha256"]) == (int8, small.digest)
    for name in ("verify-val", "verify-lm", "synth-languages", "margins", "bench"):
        assert _report(name)["model"]["artifact"]["sha256"] == root, name


def test_peers_read_every_test_line_that_was_verified():
    verified, peers = _report("verify-test"), _report("peers")
    assert peers["sources"] == verified["data"]["sources"]
    lines = {d["dataset"]: d["lines"] for d in verified["targets"][0]["parity"]["datasets"]}
    for peer in peers["peers"]:
        assert {row["dataset"]: row["lines"] for row in peer["rows"] if row["dataset"]} == lines


def test_the_int8_experiment_is_quoted_with_the_weights_that_it_was_made_on():
    experiment = json.loads((ROOT / "docs/results/int8-settings.json").read_text(encoding="utf-8"))
    text = (ROOT / "docs/export.md").read_text(encoding="utf-8")
    model = json.loads((ROOT / "docs/results/verify-val.json").read_text(encoding="utf-8"))["model"]
    assert model["artifact"]["root"] == experiment["model"]["root"]
    assert f"{model['name']} {model['version']} ({experiment['model']['root'][:12]})" in text


def test_the_table_of_distillation_is_the_committed_report():
    report = json.loads((ROOT / "docs/results/distil.json").read_text(encoding="utf-8"))
    text = (ROOT / "docs/distillation.md").read_text(encoding="utf-8")
    rows = [row for row in report["rows"] if (row["role"], row["dataset"]) == ("val", "all")]
    assert len(rows) == len(report["arms"]) == 7
    for row in rows:
        difference = row["difference"]
        told = f"{100 * difference['mean']:+.2f}" if difference else "reference"
        assert f"| {row['arm']} | {100 * row['mean']:.2f} | {told} |" in text


def test_the_table_of_synthetic_lines_is_the_committed_report():
    report = json.loads((ROOT / "docs/results/synth-ablation.json").read_text(encoding="utf-8"))
    text = (ROOT / "docs/synth.md").read_text(encoding="utf-8")
    means = {(row["role"], row["dataset"], row["arm"]): row["mean"] for row in report["rows"]}
    told = [row for row in report["rows"] if row["arm"] == "synth" and row["role"] != "val" and row["lines"] > 1]
    assert len(told) == 13
    for row in told:
        rates = f"{100 * means[row['role'], row['dataset'], 'real']:.2f} | {100 * row['mean']:.2f}"
        assert f"| {row['lines']} | {rates} | {100 * row['difference']['mean']:+.2f} |" in text


def test_the_table_of_six_languages_is_the_committed_report():
    report = json.loads((ROOT / "docs/results/synth-multilingual.json").read_text(encoding="utf-8"))
    text = (ROOT / "docs/synth.md").read_text(encoding="utf-8")
    sets = report["targets"][0]["parity"]["datasets"]
    assert len(sets) == 6
    for dataset in sets:
        assert f" | {dataset['lines']} | {100 * dataset['cer']:.2f} |\n" in text


def test_the_weights_of_the_language_model_are_those_in_the_package():
    from inkport.core.artifact import load_artifact

    root = load_artifact(ROOT / "model/shipped/convtext-tiny").digest
    entries = json.loads((ROOT / "src/inkport/bundle/lm/fr-en.npz.fusion.json").read_text(encoding="utf-8"))
    chosen = next(entry for entry in entries if entry["root"] == root)
    text = (ROOT / "docs/lm.md").read_text(encoding="utf-8")
    assert f"alpha {chosen['alpha']:g} and beta {chosen['beta']:g} were chosen" in text


def test_the_table_of_adaptation_is_the_committed_report():
    report = json.loads((ROOT / "docs/results/adapt-peraire.json").read_text(encoding="utf-8"))
    text = (ROOT / "docs/adaptation.md").read_text(encoding="utf-8")
    assert len(report["points"]) == 4
    for point in report["points"]:
        assert f"| {point['lines']} | {100 * point['hand']['cer']:.2f} |" in text


@pytest.mark.parametrize(("name", "members"), [("compress-tiny", 8), ("compress-small", 6)])
def test_the_table_of_compress_is_the_committed_report(name, members):
    report = json.loads((ROOT / f"docs/results/{name}.json").read_text(encoding="utf-8"))
    text = (ROOT / "docs/compress.md").read_text(encoding="utf-8")
    assert len(report["members"]) == members
    for member in report["members"]:
        rates = f"{100 * member['val']['cer']:.2f} | {100 * member['test']['cer']:.2f}"
        assert f"| {member['name']} | {rates} |" in text


def test_the_table_of_unlabelled_lines_is_the_committed_report():
    report = json.loads((ROOT / "docs/results/distil-half.json").read_text(encoding="utf-8"))
    text = (ROOT / "docs/distillation.md").read_text(encoding="utf-8")
    rows = [row for row in report["rows"] if row["dataset"] == "all"]
    assert len(rows) == 6
    for row in rows:
        told = f"{100 * row['difference']['mean']:+.2f}" if row["difference"] else "reference"
        assert f"| {row['arm']} | {row['role']} | {100 * row['mean']:.2f} | {told} |" in text


def test_the_comparison_in_the_card_is_that_of_the_committed_report():
    card = (ROOT / "docs/models/convtext-tiny.md").read_text(encoding="utf-8").replace("\n", " ")
    peers = {peer["name"].split(" ", 2)[-1]: peer for peer in _report("peers")["peers"] if "tiny" in peer["name"]}
    others = {row["dataset"]: row["cer"] for row in _report("peers")["peers"][-1]["rows"] if row["dataset"]}
    fewer = {
        name: {row["dataset"]: others[row["dataset"]] / row["cer"] for row in peer["rows"] if row["dataset"]}
        for name, peer in peers.items()
    }
    greedy, beam = fewer["int8"], fewer["int8 + language model"]
    rest = sorted(greedy[name] for name in ("peraire", "lectaurep", "hooker"))
    assert f"{greedy['copiste']:.2f} times fewer errors on copiste, {greedy['mss19']:.2f} on mss19" in card
    assert f"{greedy['testaments']:.2f} on testaments and {rest[0]:.2f} to {rest[-1]:.2f} on the others" in card
    assert f"{peers['int8']['total_speed_up']:.1f} times less time" in card
    assert f"at least {min(beam.values()):.2f} times fewer on every data set" in card
    assert f"is {peers['int8 + language model']['total_speed_up']:.1f} times faster" in card


def test_what_is_said_of_the_language_model_is_in_the_committed_reports():
    report, small = _report("lm"), _report("lm-small")["gain"][0]
    text, card, small_card = (
        (ROOT / f"docs/{name}.md").read_text(encoding="utf-8").replace("\n", " ")
        for name in ("lm", "models/convtext-tiny", "models/convtext-small")
    )
    beam, greedy = (report["cost"][decoder]["p50_ms"] for decoder in ("beam", "greedy"))
    assert f"The beam takes {beam:.2f} ms per line" in text
    assert f"greedy decoding takes {greedy:.2f} ms" in text
    assert f"{100 * small['cer_beam']:.2f} % instead of {100 * small['cer_greedy']:.2f} %" in small_card
    for row in report["gain"][:2]:
        assert f"{100 * row['cer_beam']:.2f} % instead of {100 * row['cer_greedy']:.2f} %" in card
    packaged = sha256_file(ROOT / "src/inkport/bundle/lm/fr-en.npz")
    assert {report["lm"]["sha256"], _report("verify-lm")["lm"]["lm_sha256"]} == {packaged}
    assert packaged in {peer["lm_sha256"] for peer in _report("peers")["peers"]}


def _report(name):
    return json.loads((ROOT / f"docs/results/{name}.json").read_text(encoding="utf-8"))


def _digest(data):
    return data["data"]["sha256"][:12]


def _block(text, row):
    return next(block for block in text.split("```") if row in block)
