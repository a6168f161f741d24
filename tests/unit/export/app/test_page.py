"""The Python of docs/embed/onnx-app.md reads a line as inkport does, and the page names what the graph has."""

from __future__ import annotations

import re
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkport.core.ctc import greedy
from inkport.core.errors import RuntimeUnavailableError
from inkport.core.image import load_pixels
from inkport.core.preprocess import prepare, to_bytes
from inkport.core.registry import choose_runtime, open_session
from inkport.export.app.interface import IMAGE, NOT_AN_IMAGE, OUTPUTS, TOO_LARGE, TOO_SMALL
from inkport.lines.samples import sample_lines


PAGE = (Path(__file__).parents[4] / "docs" / "embed" / "onnx-app.md").read_text(encoding="utf-8")


@pytest.fixture
def code(int8, tmp_path, monkeypatch):
    """The page's Python, in a folder with the model; ``line.png`` is for the test to put there."""
    shutil.copyfile(int8.app.file(".onnx"), tmp_path / "model.onnx")
    monkeypatch.chdir(tmp_path)
    (found,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    (tmp_path / "read.py").write_text(found, encoding="utf-8")
    return tmp_path / "read.py"


def test_the_pages_python_prints_the_line(code, int8, tmp_path, capsys):
    line = sample_lines().parent / "rendered-en-000001.png"
    shutil.copyfile(line, tmp_path / "line.png")
    runpy.run_path(str(code))
    with open_session(int8.network, runtime="onnxruntime") as session:
        spec = session.spec
        expected = greedy(session.run(prepare(to_bytes(load_pixels(line)), spec.preprocess))[0], spec.charset)
    assert capsys.readouterr().out == expected.text + "\n"
    assert len(expected.text) > 5


def test_the_pages_python_refuses_what_is_too_small(code, tmp_path):
    Image.fromarray(np.zeros((48, 7), np.uint8)).save(tmp_path / "line.png")
    with pytest.raises(ValueError, match="too small"):
        runpy.run_path(str(code))


def test_the_page_names_input_outputs_and_faults():
    for name in (IMAGE, *OUTPUTS):
        assert re.search(rf"^\| (in|out) \| `{name}` \|", PAGE, re.MULTILINE), name
    for fault, said in ((TOO_SMALL, "too small"), (TOO_LARGE, "too large"), (NOT_AN_IMAGE, "neither")):
        assert re.search(rf"^\| {fault} \| {said}", PAGE, re.MULTILINE), fault


def test_no_runtime_takes_it_for_a_network(int8):
    with pytest.raises(RuntimeUnavailableError, match="onnx-app"):
        choose_runtime(int8.app)
