"""The plug-in of examples/vendor-runtime installs, is found, conforms, gets its row; its wrong variants are named.

docs/plugins.md quotes its files, and quotes them right.
"""

from __future__ import annotations

import json
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

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "vendor-runtime"
PACKAGE = ("inkport_onnxref.py", "pyproject.toml", "test_onnxref.py")
BUILT_HERE = shutil.ignore_patterns("models", "out", "build", "*.egg-info", "__pycache__", ".pytest_cache")


def test_the_document_quotes_the_files():
    text = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    quoted = dict(re.findall(r"^`([\w.]+)`:\n\n```\w+\n(.*?)^```", text, re.DOTALL | re.MULTILINE))
    assert set(quoted) == {*PACKAGE, "record.py", "targets.toml"}
    for name, block in quoted.items():
        assert block == (EXAMPLE / name).read_text(encoding="utf-8"), name


def test_the_package_is_about_40_lines():
    lines = {name: (EXAMPLE / name).read_text(encoding="utf-8").splitlines() for name in PACKAGE}
    assert len(lines["inkport_onnxref.py"]) <= 40
    assert sum(bool(line.strip()) for text in lines.values() for line in text) <= 50


class Vendor:
    """A folder with the example and its artifacts, and an environment that has it installed."""

    def __init__(self, folder):
        self.folder, self.site, self.no_torch = folder, folder.parent / "site", folder.parent / "no-torch"
        self.no_torch.mkdir()
        (self.no_torch / "torch.py").write_text("raise ModuleNotFoundError('torch', name='torch')\n", encoding="utf-8")

    def run(self, *arguments, torch=True):
        """Run a module, where torch cannot be imported unless it is allowed."""
        paths = filter(None, ["" if torch else str(self.no_torch), str(self.site), os.environ.get("PYTHONPATH")])
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
        command = [sys.executable, "-m", *map(str, arguments)]
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=600
        )

    def install(self, package):
        options = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--target", self.site)
        installed = self.run("pip", "install", *options, package)
        assert installed.returncode == 0, installed.stderr

    def test(self, *arguments):
        return self.run("pytest", "-q", "-p", "no:cacheprovider", "-p", "no:anyio", *arguments, torch=False)


@pytest.fixture(scope="module")
def vendor(export_toy, toy_artifact, tmp_path_factory):
    folder = shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("vendor") / "example", ignore=BUILT_HERE)
    shutil.copytree(toy_artifact.path, folder / "models" / "safetensors-fp32")
    for place in ("models/onnx-fp32", "out/verify/artifacts/onnx-fp32"):
        shutil.copytree(export_toy("onnx", Precision.FP32).path, folder / place)
    vendor = Vendor(folder)
    vendor.install(".")
    vendor.install("./wrong")
    recorded = vendor.run("record", torch=False)
    assert recorded.returncode == 0, recorded.stderr
    return vendor


def test_it_is_listed_and_conforms(vendor):
    listed = vendor.run("inkport", "runtimes")
    assert re.search(r"^onnx-reference +\d+\.\d+.* on cpu +opens onnx$", listed.stdout, re.MULTILINE), listed.stderr
    tested = vendor.test("test_onnxref.py")
    assert tested.returncode == 0, tested.stdout
    assert re.search(r"^\d+ passed in", tested.stdout, re.MULTILINE), tested.stdout


def test_it_gets_its_row(vendor, lines_folder):
    where = ("--targets", "targets.toml", "--lines", lines_folder, "--latency-lines", 0)
    verified = vendor.run("inkport", "verify", "models/safetensors-fp32", *where)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    report = json.loads((vendor.folder / "out" / "verify" / "report.json").read_text(encoding="utf-8"))
    (row,) = report["targets"]
    assert (row["name"], row["runtime"]) == ("onnx-reference fp32", "onnx-reference")
    # Six lines of a toy may be too few to call two texts equivalent, even if they are equal.
    assert row["outcome"] in {"pass", "inconclusive"}
    assert (row["parity"]["lines"], row["parity"]["flipped_lines"]) == (6, 0)


@pytest.mark.parametrize(
    ("port", "test", "fault"),
    [
        ("PadsWithNeighbour", "neighbours", "wrong-neighbour pads with the neighbour"),
        ("OffByOneFrame", "test_it_agrees_with_the_reference", "wrong-frame is off by one frame (late)"),
        ("DropsTheBatch", "test_any_batch_size_and_width", "wrong-batch drops the batch: 1 lines come back for 2"),
    ],
)
def test_a_wrong_variant_fails_and_its_fault_is_named(vendor, port, test, fault):
    tested = vendor.test("wrong/test_wrong.py", "-k", f"{port} and ({test} or registered)")
    assert tested.returncode == 1, tested.stdout + tested.stderr
    assert re.search(r"^1 failed, 1 passed", tested.stdout, re.MULTILINE), tested.stdout
    assert fault in tested.stdout
