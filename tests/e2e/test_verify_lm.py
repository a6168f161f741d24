"""A language model from text to verdict: built, tuned and used on the shipped model, in a runtime that is there."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest

from inkport.core.artifact import bundled_artifacts
from inkport.core.files import sha256_file
from inkport.core.lm.files import fusion_path
from inkport.core.metrics import cer
from inkport.lines.source import read_lines


pytest.importorskip("torch", reason="the reference needs torch")
pytest.importorskip("onnxruntime", reason="the port needs onnxruntime")

TARGETS = """
[[target]]
name = "ort int8"
runtime = "onnxruntime"
precision = "int8"
budget = { cer_margin = 9.0 }
"""


@pytest.fixture
def samples(tmp_path):
    """Two line sets of rendered sample lines, and the language model's text."""
    folder = Path(str(files("inkport.benchmarks"))) / "samples"
    lines = list(read_lines([folder / "lines.tsv"]))

    def write(name, chosen):
        rows = [f"{line.image}\t{line.id}\t{line.text}\t{line.writer}" for line in chosen]
        path = tmp_path / name
        path.write_text("\n".join(["image\tid\ttext\twriter", *rows]) + "\n", encoding="utf-8")
        return path

    text = tmp_path / "text.txt"
    text.write_text("\n".join(line.text for line in lines), encoding="utf-8")
    return write("val.tsv", lines[1::100]), write("proof.tsv", lines[::50]), text


def test_verify_decodes_every_target_with_the_language_model(inkport, samples, tmp_path):
    val, proof, text = samples
    lm, out = tmp_path / "lm.npz", tmp_path / "verify"
    for arguments in (
        ("build", "--text", text, "--order", 4, "--out", lm),
        ("tune", "--lm", lm, "--lines", val, "--beam", 4, "--runtime", "onnxruntime"),
    ):
        code, _, err = inkport("lm", *arguments)
        assert (code, err) == (0, "")
    (fusion,) = json.loads(fusion_path(lm).read_text(encoding="utf-8"))
    (tmp_path / "targets.toml").write_text(TARGETS, encoding="utf-8")
    verify = ("verify", "--targets", tmp_path / "targets.toml", "--lines", proof, "--latency-lines", 0, "--out", out)

    code, _, err = inkport(*verify, "--lm", lm)
    assert code == 0, err
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    (row,) = report["targets"]
    bundled = bundled_artifacts()[0]
    assert (row["outcome"], row["artifact"]["sha256"]) == ("pass", bundled.digest)
    assert report["lm"] == fusion | {"line_digests": {}}
    assert fusion["lm_sha256"] == sha256_file(lm)
    assert fusion["root"] == bundled.root

    # The same texts as those that a user reads with this language model.
    lines = list(read_lines([proof]))
    code, read, _ = inkport(
        "read", "--format=json", "--lm", lm, "--runtime", "onnxruntime", *(line.image for line in lines)
    )
    assert code == 0
    texts = [record["text"] for record in json.loads(read)]
    assert row["parity"]["cer"] == pytest.approx(cer([line.text for line in lines], texts).rate)

    fusion_path(lm).write_text(json.dumps([fusion | {"root": "f" * 64}]), encoding="utf-8")
    code, _, err = inkport(*verify, "--lm", lm)
    assert code == 2
    assert "chosen for the recogniser with weights ffffffffffff" in err
