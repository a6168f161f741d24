"""The plug-in of docs/plugins.md installs, is found, passes the suite, and is as small as promised."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from inkport.core.target import Precision


pytest.importorskip("torch", reason="the toy and its golden logits need torch")
pytest.importorskip("onnx", reason="the example wraps onnx")

DOCUMENT = Path(__file__).parents[2] / "docs" / "plugins.md"


def run(*arguments, folder, site):
    environment = os.environ | {"PYTHONPATH": str(site)}
    command = [sys.executable, "-m", *map(str, arguments)]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=600
    )


@pytest.fixture
def blocks():
    text = DOCUMENT.read_text(encoding="utf-8")
    named = re.findall(r"^`([\w.]+)`:\n\n```\w+\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (recording,) = re.findall(r"needs torch:\n\n```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return dict(named) | {"record.py": recording}


def test_the_adapter_is_small(blocks):
    assert len(blocks["inkport_onnxref.py"].splitlines()) <= 40


def test_the_example_installs_is_found_and_conforms(blocks, export_toy, toy_artifact, tmp_path):
    assert set(blocks) == {"inkport_onnxref.py", "pyproject.toml", "test_onnxref.py", "record.py"}
    for name, text in blocks.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    models = tmp_path / "models"
    shutil.copytree(toy_artifact.path, models / "safetensors-fp32")
    shutil.copytree(export_toy("onnx", Precision.FP32).path, models / "onnx-fp32")
    site = tmp_path / "site"
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--target", site)
    installed = run("pip", "install", *options, ".", folder=tmp_path, site=site)
    assert installed.returncode == 0, installed.stderr
    recorded = run("record", folder=tmp_path, site=site)
    assert recorded.returncode == 0, recorded.stderr
    listed = run("inkport", "runtimes", folder=tmp_path, site=site)
    assert "onnx-reference" in listed.stdout, listed.stderr
    tested = run("pytest", "-q", "-p", "no:cacheprovider", "test_onnxref.py", folder=tmp_path, site=site)
    assert tested.returncode == 0, tested.stdout
    assert re.search(r"^\d+ passed in", tested.stdout, re.MULTILINE), tested.stdout
