"""``inkport verify`` killed in the middle: what was there before is intact, and a second run completes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inkport.core.artifact import Artifact
from inkport.core.target import Precision
from inkport.export.plan import build


pytest.importorskip("torch", reason="the toy is made with torch")
pytest.importorskip("onnxruntime", reason="it stands in as the reference")
pytest.importorskip("openvino", reason="the port needs openvino")

TARGETS = '[[target]]\nname = "ov"\nruntime = "openvino"\nprecision = "fp32"\nbudget = { cer_margin = 9.0 }\n'

STOP = """
import sys, time
from pathlib import Path

from inkport.cli import main
from inkport.core import artifact
from inkport.commands import verify

marker, where = sys.argv.pop(1), sys.argv.pop(1)

def wait():
    Path(marker).touch()
    time.sleep(600)

sha256_file = artifact.sha256_file

def wait_in_draft(path):
    return wait() if path.parent.name.startswith(".openvino-fp32") else sha256_file(path)

if where == "export":
    artifact.sha256_file = wait_in_draft
else:
    verify.write_report = lambda *_, **__: wait()
main()
"""
"""Runs the command line, but stops for good in a draft of an artifact, or before the report is written."""


@pytest.fixture
def toy_onnx(toy_artifact, tmp_path) -> Artifact:
    """The toy as ONNX: from there on nothing needs torch, which takes seconds to start in every process."""
    return build(toy_artifact, format="onnx", precision=Precision.FP32, work=tmp_path / "model")


@pytest.fixture
def arguments(toy_onnx, lines_folder, tmp_path) -> list[str]:
    targets = tmp_path / "targets.toml"
    targets.write_text(TARGETS, encoding="utf-8")
    where = ["--targets", targets, "--lines", lines_folder, "--out", tmp_path / "out", "--latency-lines", "2"]
    return ["verify", str(toy_onnx.path), *map(str, where)]


def complete(arguments: list[str]) -> None:
    subprocess.run([sys.executable, "-m", "inkport", *arguments], check=True, capture_output=True, timeout=300)


def kill_at(where: str, arguments: list[str], marker: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", STOP, str(marker), where, *arguments], stdout=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 300
    while not marker.exists():
        assert process.poll() is None, "it ended before the place where it was to be killed"
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_killed_and_run_again(arguments, tmp_path):
    out = tmp_path / "out"
    # Killed within the first export: no artifact, no report, and the next run makes both.
    kill_at("export", arguments, tmp_path / "exporting")
    assert not (out / "artifacts" / "openvino-fp32").exists()
    assert not (out / "report.json").exists()
    complete(arguments)
    reports = {name: (out / name).read_bytes() for name in ("report.json", "report.md", "report.html")}
    assert json.loads(reports["report.json"])["targets"][0]["outcome"] == "pass"
    sidecar = out / "artifacts" / "openvino-fp32" / "recogniser.json"
    made = sidecar.stat().st_mtime_ns

    # Killed when everything is measured but not written: the old report stands, the artifact is taken up again.
    kill_at("report", arguments, tmp_path / "reporting")
    assert {name: (out / name).read_bytes() for name in reports} == reports
    complete(arguments)
    assert json.loads((out / "report.json").read_bytes())["exit_code"] == 0
    assert sidecar.stat().st_mtime_ns == made
