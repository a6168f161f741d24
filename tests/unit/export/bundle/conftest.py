"""A bundle of the shipped int8 model, and the sample of it, compiled once for all tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import pytest

from inkport.core.artifact import load_artifact, new_artifact
from inkport.core.bundle import bundled_artifacts, find_lm
from inkport.export.bundle.bundle import BundleRequest, make_bundle
from inkport.lines.source import read_lines


def need(*programs: str) -> None:
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed")


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """The shipped int8 artefact, prepared for by triangle-v2."""
    shipped = bundled_artifacts()[0]
    spec = replace(shipped.spec, preprocess=replace(shipped.spec.preprocess, resampling="triangle-v2"))
    path = tmp_path_factory.mktemp("model") / "int8"
    with new_artifact(
        path, spec=spec, format=shipped.format, precision=shipped.precision, provenance=shipped.provenance
    ) as folder:
        for name in shipped.files:
            shutil.copyfile(shipped.path / name, folder / name)
    return load_artifact(path)


@pytest.fixture(scope="session")
def samples():
    return Path(str(files("inkport.benchmarks"))) / "samples" / "lines.tsv"


@pytest.fixture(scope="session")
def bundle(model, samples, tmp_path_factory):
    """The C++ bundle of the model, with its language model."""
    pytest.importorskip("onnxruntime", reason="golden values are computed with it")
    out = tmp_path_factory.mktemp("bundle") / "cpp"
    make_bundle(BundleRequest(model=model, platform="cpp", lines=read_lines([samples]), lm=find_lm(Path("fr-en"))), out)
    return out


@pytest.fixture(scope="session")
def library():
    """ONNX Runtime's shared library, that of its Python package."""
    found = find_spec("onnxruntime")
    if found is None or found.origin is None:
        pytest.skip("onnxruntime is not installed")
    return next(iter(Path(found.origin).parent.glob("capi/libonnxruntime.so.*")))


@pytest.fixture(scope="session")
def compile_sample(bundle):
    """Start the compiler on the sample of the bundle: an output file, and a folder whose headers come first."""
    need("g++")
    flags, libraries = ["-std=c++17", "-O1", "-DINKPORT_ENGINE_HEADER=<inkport/onnxruntime.hpp>"], ["-ldl"]
    for name, header, link in (("PNG", "png.h", "-lpng"), ("JPEG", "jpeglib.h", "-ljpeg")):
        if not any(Path(place, header).exists() for place in ("/usr/include", "/usr/local/include")):
            pytest.skip(f"{header} is not installed")
        flags.append(f"-DINKPORT_WITH_{name}")
        libraries.append(link)

    def start(program: Path, *options: str, first: Path | None = None) -> subprocess.Popen[bytes]:
        include = [f"-I{folder}" for folder in (first, bundle / "include") if folder]
        source = str(bundle / "sample" / "read.cpp")
        return subprocess.Popen(["g++", *flags, *options, *include, source, "-o", str(program), *libraries])

    return start


@pytest.fixture(scope="session")
def run_sample(library):
    """Run a compiled sample; returns exit code, standard output and standard error."""

    def run(program: Path, *arguments: object, fault: str = "") -> tuple[int, str, str]:
        variables = {**os.environ, "INKPORT_ENGINE_LIBRARY": str(library), "FAULT": fault}
        done = subprocess.run([str(program), *map(str, arguments)], env=variables, capture_output=True, check=False)
        return done.returncode, done.stdout.decode(errors="backslashreplace"), done.stderr.decode()

    return run


@pytest.fixture(scope="session")
def read(compile_sample, run_sample, tmp_path_factory):
    """Run the sample as it is shipped, compiled without a warning."""
    program = tmp_path_factory.mktemp("sample") / "read"
    assert compile_sample(program, "-Wall", "-Wextra", "-Wpedantic", "-Werror").wait() == 0
    return lambda *arguments: run_sample(program, *arguments)
