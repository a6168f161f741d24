"""A whole reader from C++, in ONNX Runtime's shared library: every output equal to the bit to Python's."""

from __future__ import annotations

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from inkport.export.app.interface import OUTPUTS
from inkport.export.bundle.sources import write_cpp


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    folder = tmp_path_factory.mktemp("cpp")
    write_cpp(folder)
    made = folder / "read"
    source = Path(__file__).with_name("read.cpp")
    flags = ["-std=c++17", "-O0", "-Wall", "-Wextra", f"-I{folder / 'include'}"]
    subprocess.run(["g++", *flags, "-o", str(made), str(source), "-ldl"], check=True)
    return made


@pytest.fixture(scope="module")
def command(program):
    """The program, and the shared library of the ONNX Runtime that Python reads with."""
    found = find_spec("onnxruntime")
    libraries = [] if found is None else list(Path(found.origin).parent.glob("capi/libonnxruntime.so.*"))
    if not libraries:
        pytest.skip("onnxruntime's library is not here")
    return [str(program), str(libraries[0])]


def test_outputs_are_pythons_to_the_bit(command, reader, pictures, ort_session, tmp_path):
    pictures = [*pictures[::2], np.zeros((48, 1, 1), np.uint8), np.zeros((50, 90, 4), np.uint8)]
    for index, picture in enumerate(pictures):
        head = "{} {} {}\n".format(*picture.shape).encode()
        (tmp_path / f"picture.{index}").write_bytes(head + picture.tobytes())
    model = reader.app.file(".onnx")
    arguments = [str(model), str(tmp_path), str(len(pictures))]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    run, symbols = ort_session(model), 0
    for index, picture in enumerate(pictures):
        for name, expected in run({"image": picture}).items():
            assert name in OUTPUTS
            found = (tmp_path / f"picture.{index}.{name}").read_bytes()
            assert found == expected.tobytes(), (picture.shape, name)
            symbols += name == "code_points" and len(expected)
    assert symbols > 20
