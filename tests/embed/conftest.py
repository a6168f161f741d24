"""C++ bundles of the shipped model in int8 and fp32, built once by the commands of their README."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

from inkport.core.artifact import bundled_artifacts, find_lm, load_artifact
from inkport.core.target import Precision
from inkport.export.bundle.bundle import BundleRequest, make_bundle
from inkport.lines.audit import audit_for
from inkport.lines.problem import Problem
from inkport.lines.source import read_lines, take_turns


REAL = "INKPORT_REAL_LINES"
"""Environment variable: the folder of real lines, test-*.parquet."""
REAL_LINES = 20
"""Lines of each set that are read."""


@pytest.fixture(scope="session")
def int8():
    """The shipped int8 artifact."""
    return bundled_artifacts()[0]


@pytest.fixture(scope="session")
def fp32(tmp_path_factory):
    """The shipped weights in ONNX."""
    pytest.importorskip("torch", reason="the weights are exported with torch")
    from inkport.export.plan import build

    weights = load_artifact(Path(str(files("inkport.model"))) / "shipped" / "convtext-tiny")
    return build(weights, format="onnx", precision=Precision.FP32, work=tmp_path_factory.mktemp("fp32"))


@pytest.fixture(scope="session")
def lines():
    return list(read_lines([Path(str(files("inkport.benchmarks"))) / "samples" / "lines.tsv"]))


@pytest.fixture(scope="session")
def real(int8, tmp_path_factory):
    """Real lines, of each test set some, as files: JPEG for the most part."""
    folder = Path(os.environ.get(REAL) or "data/lines")
    if not (sources := sorted(folder.glob("test-*.parquet"))):
        pytest.skip(f"{folder} holds no test-*.parquet: name the folder of real lines in {REAL}")
    found = list(take_turns(read_lines(sources), most=REAL_LINES))
    out, files = tmp_path_factory.mktemp("real"), []
    for index, line in enumerate(audit_for(found, int8.spec, skip=tuple(Problem)).lines):
        kind = Image.open(io.BytesIO(line.image)).format.lower()
        files.append(out / f"{index}.{kind}")
        files[-1].write_bytes(line.image)
    assert len(files) > len(sources)
    return files


@pytest.fixture(scope="session")
def make(lines, tmp_path_factory):
    """Return what makes a C++ bundle of an artifact."""
    if missing := [program for program in ("g++", "cmake") if shutil.which(program) is None]:
        pytest.skip(f"{', '.join(missing)} is not installed")

    def make(model):
        out = tmp_path_factory.mktemp("bundle") / "reader"
        make_bundle(BundleRequest(model=model, platform="cpp", lines=lines, lm=find_lm(Path("fr-en"))), out)
        return out

    return make


@pytest.fixture(scope="session")
def commands(make, int8):
    """The int8 bundle, its README's commands, and what they print."""
    bundle = make(int8)
    (block,) = re.findall(r"```sh\n(.*?)```", (bundle / "README.md").read_text(), re.DOTALL)
    done = subprocess.run(["bash", "-euc", block], cwd=bundle, capture_output=True, text=True, check=False)
    return bundle, block.splitlines(), done


@pytest.fixture(scope="session")
def bundle(commands):
    """The int8 bundle, built."""
    folder, _, done = commands
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def library():
    """The shared library of the ONNX Runtime that Python reads with."""
    found = find_spec("onnxruntime")
    if found is None or found.origin is None:
        pytest.skip("onnxruntime is not installed")
    return next(iter(Path(found.origin).parent.glob("capi/libonnxruntime.so.*")))


@pytest.fixture(scope="session")
def read(bundle, library):
    """Run the sample that the README's commands have built; returns its standard output."""

    def run(*arguments):
        variables = {**os.environ, "INKPORT_ENGINE_LIBRARY": str(library)}
        program = str(bundle / "build" / "inkport-read")
        done = subprocess.run(
            [program, *map(str, arguments)], env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def fp32_bundle(make, fp32):
    """The bundle of the weights in fp32; what is built is the same."""
    return make(fp32)


@pytest.fixture(params=["int8", "fp32"])
def port(request):
    """The model in int8 and in fp32, each with its bundle."""
    folder = "bundle" if request.param == "int8" else "fp32_bundle"
    return request.getfixturevalue(request.param), request.getfixturevalue(folder)
