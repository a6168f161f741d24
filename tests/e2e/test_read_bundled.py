"""What a user sees right after installing: the bundled artifact reads the shipped sample lines."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from inkport.core.artifact import bundled_artifacts
from inkport.core.metrics import edit_distance
from inkport.lines.source import read_lines


@pytest.mark.parametrize(
    ("package", "arguments", "place"),
    [
        ("onnxruntime", [], 0),
        ("openvino", ["--runtime", "openvino"], 1),
        ("onnxruntime", ["--model", "convtext-small-int8", "--lm", "fr-en"], 2),
    ],
)
def test_it_reads_the_sample_lines_without_torch(package, arguments, place):
    pytest.importorskip(package, reason=f"the bundled artifact is read with {package}")
    artifact = bundled_artifacts()[place]
    lines = list(read_lines([Path(str(files("inkport.benchmarks"))) / "samples" / "lines.tsv"]))[::10]
    code = "import sys\nfrom inkport.cli import main\ntry: main()\nfinally: assert 'torch' not in sys.modules"
    run = subprocess.run(
        [sys.executable, "-c", code, "read", "--format=json", *arguments, *(str(line.image) for line in lines)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    records = json.loads(run.stdout)
    assert {record["artifact"]["sha256"] for record in records} == {artifact.digest}
    errors = sum(edit_distance(line.text, record["text"]) for line, record in zip(lines, records, strict=True))
    # The first weights, which never saw a rendered line, read these at 0.06.
    assert errors < 0.12 * sum(len(line.text) for line in lines)
