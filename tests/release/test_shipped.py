"""The committed reports are about the weights, the artifacts and the language model of this tree."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import inkport
from inkport.benchmarks.run.record import Outcome
from inkport.core.artifact import BUNDLED, load_artifact
from inkport.core.files import sha256_file


ROOT = Path(__file__).parents[2]


def test_reports_speak_of_the_shipped_model():
    root = load_artifact(ROOT / "model/shipped/convtext-tiny").digest
    bundled = {
        f"{runtime} int8": load_artifact(ROOT / "src/inkport/bundle" / folder)
        for runtime, folder in zip(("onnxruntime", "openvino"), BUNDLED[:2], strict=True)
    }
    assert {artifact.root for artifact in bundled.values()} == {root}
    small = load_artifact(ROOT / "src/inkport/bundle" / BUNDLED[2])
    proof = _report("verify-small")
    assert load_artifact(ROOT / "model/shipped/convtext-small").digest == small.root
    assert proof["model"]["artifact"]["sha256"] == small.root
    assert small.digest in {target["artifact"]["sha256"] for target in proof["targets"]}
    for name in ("verify-test", "verify-samples"):
        data = _report(name)
        assert data["model"]["artifact"]["sha256"] == root
        found = {t["name"]: t["artifact"]["sha256"] for t in data["targets"] if t["name"] in bundled}
        assert found == {name: artifact.digest for name, artifact in bundled.items()}
    int8 = bundled["onnxruntime int8"].digest
    assert {int8, small.digest} <= {peer["sha256"] for peer in _report("peers")["peers"]}
    assert (_report("lm")["artifact"]["sha256"], _report("lm-small")["artifact"]["sha256"]) == (int8, small.digest)
    for name in ("verify-val", "verify-lm", "synth-languages", "margins", "bench"):
        assert _report(name)["model"]["artifact"]["sha256"] == root, name


def test_constraints_are_the_versions_of_the_committed_reports():
    rows = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(row.split("==") for row in rows if not row.startswith("#"))
    measured = _report("verify-test")["environment"]["packages"]
    # A local version, such as +cpu, says whose build it is, and cannot be asked of every index.
    assert pinned == {name: text.partition("+")[0] for name, text in measured.items() if name != "inkport"}


def test_peers_read_every_test_line_that_was_verified():
    verified, peers = _report("verify-test"), _report("peers")
    assert peers["sources"] == verified["data"]["sources"]
    lines = {d["dataset"]: d["lines"] for d in verified["targets"][0]["parity"]["datasets"]}
    for peer in peers["peers"]:
        assert {row["dataset"]: row["lines"] for row in peer["rows"] if row["dataset"]} == lines


def test_reports_speak_of_the_packaged_language_model():
    packaged = sha256_file(ROOT / "src/inkport/bundle/lm/fr-en.npz")
    assert {_report("lm")["lm"]["sha256"], _report("verify-lm")["lm"]["lm_sha256"]} == {packaged}
    assert packaged in {peer["lm_sha256"] for peer in _report("peers")["peers"]}


def test_the_language_models_weights_of_the_report_are_those_in_the_package():
    root = load_artifact(ROOT / "model/shipped/convtext-tiny").digest
    entries = json.loads((ROOT / "src/inkport/bundle/lm/fr-en.npz.fusion.json").read_text(encoding="utf-8"))
    chosen = next(entry for entry in entries if entry["root"] == root)
    used = _report("lm")["lm"]
    assert (chosen["alpha"], chosen["beta"]) == (used["alpha"], used["beta"])


def test_the_int8_experiment_was_made_on_the_shipped_weights():
    root = load_artifact(ROOT / "model/shipped/convtext-tiny").digest
    assert _report("int8-settings")["model"]["root"] == root


def test_the_lines_of_a_wheel_are_enough_to_prove_int8(tmp_path):
    """New weights may need other lines: LINES_OF_A_WRITER of setup.py."""
    samples = ROOT / "benchmarks" / "samples"
    head, *rows = (samples / "lines.tsv").read_text(encoding="utf-8").splitlines()
    seen, kept = Counter(), []
    for row in rows:
        name, image, *rest = row.split("\t")
        seen[tuple(rest[1:])] += 1
        if seen[tuple(rest[1:])] <= 4:
            kept.append("\t".join((name, str(samples / image), *rest)))
    (tmp_path / "lines.tsv").write_text("\n".join([head, *kept]) + "\n", encoding="utf-8")
    targets = ["onnxruntime:int8", "openvino:int8"]
    report = inkport.verify("convtext-tiny-fp32", targets=targets, lines=[tmp_path / "lines.tsv"], latency_lines=0)
    assert [(target.name, target.outcome, target.parity.lines) for target in report.targets] == [
        (name, Outcome.PASS, 159) for name in targets
    ]


def _report(name):
    return json.loads((ROOT / f"docs/results/{name}.json").read_text(encoding="utf-8"))
