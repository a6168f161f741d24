"""``inkport verify`` on a toy with random weights, through the runtimes that are really there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from shutil import copyfile, rmtree

import jsonschema
import numpy as np
import pytest
from PIL import Image

from inkport.benchmarks.report.schema import schema_of
from inkport.core.artifact import load_artifact
from inkport.core.preprocess import PreprocessSpec
from inkport.core.runtime import Availability
from inkport.core.target import load_targets


pytest.importorskip("torch", reason="the reference needs torch")
pytest.importorskip("onnxruntime", reason="the port needs onnxruntime")

from inkport.model.zoo import find


ROW = '[[target]]\nname = "{name}"\nruntime = "{runtime}"\nprecision = "{precision}"\nbudget = {{ {budget} }}\n'
TORCH = ROW.format(name="torch fp32", runtime="torch", precision="fp32", budget="flipped_lines = 0, cer_margin = 9.0")
ORT = ROW.format(name="ort fp32", runtime="onnxruntime", precision="fp32", budget="flipped_lines = 0, cer_margin = 9.0")
INT8 = ROW.format(name="ort int8", runtime="onnxruntime", precision="int8", budget="cer_margin = 9.0")


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of artifacts that the tests share, so that each is exported once."""
    return tmp_path_factory.mktemp("verify")


@pytest.fixture
def verify(inkport, toy_artifact, lines_folder, exported, tmp_path):
    """Run ``inkport verify`` on the toy with these targets."""

    def run(targets: str, *arguments: object, lines: Path = lines_folder) -> tuple[object, str, str]:
        table = tmp_path / "targets.toml"
        table.write_text(targets, encoding="utf-8")
        where = ["--targets", table, "--lines", lines, "--out", exported, "--latency-lines", 4]
        return inkport("verify", toy_artifact.path, *where, *arguments)

    return run


def test_ports_of_the_toy_read_its_text(verify, exported, other_lines):
    code, out, err = verify(TORCH + ORT + INT8, "--calibration", other_lines)
    assert code == 0
    assert [line.split()[-1] for line in out.splitlines() if line.startswith("ort fp32")]
    assert "report.html" in err
    report = json.loads((exported / "report.json").read_text(encoding="utf-8"))
    jsonschema.validate(report, schema_of("verify"))
    torch, ort, int8 = report["targets"]
    assert [t["outcome"] for t in report["targets"]] == ["reference", "pass", "pass"]
    assert torch["parity"]["flipped_lines"] == ort["parity"]["flipped_lines"] == 0
    assert torch["parity"]["cer"] == ort["parity"]["cer"] == report["targets"][0]["parity"]["cer_reference"]
    assert (ort["parity"]["lines"], ort["latency"]["n"], ort["latency"]["speed_up"]) == (6, 4, 1.0)
    for row, name in ((ort, "onnx-fp32"), (int8, "onnx-int8")):
        artifact = load_artifact(exported / "artifacts" / name)
        assert (row["artifact"]["sha256"], row["artifact"]["bytes"]) == (artifact.digest, artifact.bytes)
    calibration = load_artifact(exported / "artifacts" / "onnx-int8").provenance.calibration
    assert calibration is not None
    assert int8["artifact"]["calibration_sha256"] == calibration.sha256
    assert report["baseline"] == "ort fp32"
    for name in ("report.json", "report.md", "report.html"):
        text = (exported / name).read_text(encoding="utf-8")
        assert str(Path.home()) + "/" not in text
        assert str(exported) not in text


SMALL = {
    "crnn": ({"height": 32, "stem": 4, "channels": [8, 8, 12], "blocks": [1, 1, 1], "hidden": 6}, {"height": 32}),
    "htr-vt": ({"dim": 16, "heads": 2, "depth": 1}, {"height": 64, "max_width": 512}),
}
"""Settings and preprocessing of networks of the literature, made small."""


@pytest.fixture(params=SMALL)
def baseline(request, make_artifact, toy_spec, tmp_path):
    name, (config, preprocess) = request.param, SMALL[request.param]
    spec = replace(toy_spec, name=name, preprocess=PreprocessSpec(**preprocess), stride=find(name).stride)
    return make_artifact(spec, config, tmp_path / name)


def test_ports_of_recurrent_and_transformer_networks_are_proven_too(
    inkport, baseline, lines_folder, other_lines, tmp_path
):
    (tmp_path / "targets.toml").write_text(TORCH + ORT + INT8, encoding="utf-8")
    out = tmp_path / "out"
    where = ["--targets", tmp_path / "targets.toml", "--lines", lines_folder, "--out", out, "--latency-lines", 2]
    code, _, err = inkport("verify", baseline.path, *where, "--calibration", other_lines)
    assert code == 0, err
    torch, ort, int8 = json.loads((out / "report.json").read_text(encoding="utf-8"))["targets"]
    assert [target["outcome"] for target in (torch, ort, int8)] == ["reference", "pass", "pass"]
    assert ort["parity"]["flipped_lines"] == 0
    assert ort["parity"]["cer"] == torch["parity"]["cer"]
    assert int8["artifact"]["bytes"] < ort["artifact"]["bytes"]


def test_json_is_all_there_is_on_standard_output(verify, exported):
    code, out, _ = verify(ORT, "--json")
    assert code == 0
    assert out == (exported / "report.json").read_text(encoding="utf-8")
    assert json.loads(out)["options"]["threads"] == 1


def test_the_second_run_takes_up_the_artifacts(verify, exported):
    verify(ORT)
    sidecar = exported / "artifacts" / "onnx-fp32" / "recogniser.json"
    before = sidecar.stat().st_mtime_ns
    assert verify(ORT)[0] == 0
    assert sidecar.stat().st_mtime_ns == before


def test_a_port_that_reads_differently_is_exit_code_1(verify, exported, monkeypatch):
    from inkport.runtimes import ort

    run = ort._OrtSession.run
    monkeypatch.setattr(ort._OrtSession, "run", lambda self, images: np.roll(run(self, images), 1, axis=2))
    code, out, _ = verify(TORCH + ORT)
    assert code == 1
    assert "text-differs" in out
    report = json.loads((exported / "report.json").read_text(encoding="utf-8"))
    assert [t["outcome"] for t in report["targets"]] == ["reference", "text-differs"]
    assert len(report["targets"][1]["parity"]["flips"]) == 6
    assert (exported / "report.html").read_text(encoding="utf-8").count("data:image/") == 6


def test_a_runtime_that_is_not_there_is_exit_code_3(verify, monkeypatch):
    from inkport.runtimes.ov import OpenVinoRuntime

    absent = Availability(ok=False, reason="openvino is not installed", remedy="pip install 'inkport[openvino]'")
    monkeypatch.setattr(OpenVinoRuntime, "probe", lambda _: absent)
    row = ROW.format(name="ov", runtime="openvino", precision="fp32", budget="flipped_lines = 0, cer_margin = 9.0")
    code, out, _ = verify(TORCH + row)
    assert code == 3
    assert "openvino is not installed (fix: pip install 'inkport[openvino]')" in " ".join(out.split())


def test_int8_without_calibration_says_what_is_missing(verify, exported):
    # What an earlier test has quantized would be taken up again.
    rmtree(exported / "artifacts" / "onnx-int8", ignore_errors=True)
    code, out, complaint = verify(INT8)
    assert code == 2
    assert not out
    assert "needs lines to calibrate on" in complaint
    assert "--calibration" in complaint


@pytest.mark.parametrize(
    ("arguments", "targets", "words"),
    [
        (["--threads", "0"], TORCH, "threads must be at least 1"),
        (["--skip", "bad-imgae"], TORCH, "--skip bad-imgae: no such problem"),
        ([], TORCH.replace('torch"', 'tensorrrt"'), "'tensorrrt' is not registered"),
        ([], TORCH.replace("precision", "precison"), "did you mean 'precision'?"),
        ([], "", "'target' is missing"),
        (["--calibration", "nowhere.parquet"], TORCH, "nowhere.parquet: no such file"),
        (["--lines", "nowhere.tsv"], TORCH, "nowhere.tsv: no such file"),
        (["--threads", "many"], TORCH, "many"),
    ],
)
def test_a_wrong_request_is_exit_code_2(verify, arguments, targets, words):
    code, out, err = verify(targets, *arguments)
    assert code == 2
    assert words in " ".join((out + err).split())
    assert "Traceback" not in out + err


def test_lines_to_verify_are_never_calibrated_on(verify, lines_folder, other_lines, tmp_path):
    one = tmp_path / "one"
    one.mkdir()
    Image.open(lines_folder / "line3.png").save(one / "another name.bmp")
    (one / "another name.gt.txt").write_text("a reading, not the text", encoding="utf-8")
    code, output, complaint = verify(INT8, "--calibration", other_lines, one)
    assert (code, output) == (2, "")
    assert "1 line is in both --lines and --calibration, for example 'line3.png'" in complaint
    assert "'another name.bmp'" in complaint


def test_a_model_that_is_not_there_is_exit_code_2(inkport, lines_folder, tmp_path):
    code, _, err = inkport("verify", "no-such-model", "--lines", lines_folder, "--out", tmp_path)
    assert code == 2
    assert "no-such-model" in err


@pytest.fixture
def spoilt_lines(lines_folder, tmp_path):
    """The lines, one of them without a text, one with a symbol that the toy does not know, one damaged."""
    folder = tmp_path / "spoilt"
    folder.mkdir()
    for file in lines_folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "line0.gt.txt").write_text(" \n", encoding="utf-8")
    (folder / "line1.gt.txt").write_text("xyz\n", encoding="utf-8")
    (folder / "line2.png").write_bytes((folder / "line2.png").read_bytes()[:200])
    return folder


def test_unusable_lines_are_refused_by_id(verify, spoilt_lines):
    code, _, err = verify(TORCH, lines=spoilt_lines)
    assert code == 2
    for words in ("line0.png: empty-text", "line1.png: unknown-symbol", "line2.png: bad-image", "--skip"):
        assert words in err


def test_unusable_lines_are_skipped_on_request_and_counted(verify, spoilt_lines, exported):
    code, out, _ = verify(TORCH, "--skip", "empty-text,unknown-symbol,bad-image", lines=spoilt_lines)
    assert code == 0
    assert "skipped: 3 lines (1 bad-image, 1 empty-text, 1 unknown-symbol)" in out
    data = json.loads((exported / "report.json").read_text(encoding="utf-8"))["data"]
    assert data["lines"] == 3
    assert [(s["id"], s["problem"]) for s in data["skipped"]] == [
        ("line0.png", "empty-text"),
        ("line1.png", "unknown-symbol"),
        ("line2.png", "bad-image"),
    ]


def test_default_targets_allow_no_flip_in_fp32_and_half_a_point_elsewhere():
    targets = load_targets(Path(str(files("inkport.benchmarks"))) / "targets.toml")
    found = {(t.runtime, str(t.precision)): t for t in targets}
    assert {
        ("torch", "fp32"),
        ("onnxruntime", "fp32"),
        ("onnxruntime", "fp16"),
        ("onnxruntime", "int8"),
        ("openvino", "fp32"),
        ("openvino", "bf16"),
    } <= set(found)
    for target in targets:
        if target.precision == "fp32":
            assert target.budget.flipped_lines == 0, target.name
        else:
            assert target.budget.cer_margin == 0.005, target.name
    assert not found["openvino", "bf16"].required, "a processor without bfloat16 is no fault of the port"


def test_the_scripts_of_the_action_prove_compare_and_post(verify, toy_artifact, lines_folder, exported, tmp_path):
    assert verify(TORCH + ORT)[0] == 0
    copyfile(exported / "report.json", tmp_path / "baseline.json")
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "inkport"
    program.write_text(f'#!/usr/bin/env bash\nexec "{sys.executable}" -m inkport "$@"\n')
    program.chmod(0o755)
    variables = {
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        "INKPORT_MODEL": str(toy_artifact.path),
        "INKPORT_LINES": str(lines_folder),
        "INKPORT_TARGETS": "targets.toml",
        "INKPORT_OUT": str(exported),
        "INKPORT_MAX_SLOWER": "1000",
        "INKPORT_BASELINE": "baseline.json",
        "GITHUB_STEP_SUMMARY": "summary.md",
    }
    script = Path(__file__).parents[2] / "ci" / "prove.sh"
    done = subprocess.run(
        [script],
        cwd=tmp_path,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    posted = (tmp_path / "summary.md").read_text()
    assert posted.startswith("<!-- inkport -->\n# inkport verify\n")
    assert "| ort fp32 | pass |" in posted[: posted.index("# inkport compare")]
    assert "| ort fp32 |" in posted[posted.index("# inkport compare") :]
    assert "## Environment" not in posted
