"""A bundle of the shipped int8 model, and the sample of it, compiled once for all tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from importlib.resources import files
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import pytest

from inkport.core.artifact import bundled_artifacts, find_lm
from inkport.export.bundle.bundle import BundleRequest, make_bundle
from inkport.lines.source import read_lines


FAULTS = tomllib.loads(Path(__file__).with_name("faults.toml").read_text(encoding="utf-8"))
PLANTED = """
inline bool planted(const char* name) {
  const char* fault = std::getenv("FAULT");
  return fault && !std::strcmp(fault, name);
}
namespace inkport {
"""


def need(*programs: str) -> None:
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed")


@pytest.fixture(scope="session")
def model():
    """The shipped int8 artifact."""
    return bundled_artifacts()[0]


@pytest.fixture(scope="session")
def samples():
    return Path(str(files("inkport.benchmarks"))) / "samples" / "lines.tsv"


@pytest.fixture(scope="session")
def bundle(model, samples, tmp_path_factory):
    """The C++ bundle of the model, with its language model."""
    pytest.importorskip("onnxruntime", reason="golden values are computed with it")
    out = tmp_path_factory.mktemp("bundle") / "cpp"
    make_bundle(
        BundleRequest(model=model, platform="cpp", lines=islice(read_lines([samples]), 6), lm=find_lm(Path("fr-en"))),
        out,
    )
    return out


@pytest.fixture(scope="session")
def library():
    """ONNX Runtime's shared library, that of its Python package."""
    found = find_spec("onnxruntime")
    if found is None or found.origin is None:
        pytest.skip("onnxruntime is not installed")
    return next(iter(Path(found.origin).parent.glob("capi/libonnxruntime.so.*")))


def with_faults(header: str) -> str:
    """Return the header with every fault of faults.toml in it, each only where the variable FAULT names it."""
    for name, fault in FAULTS.items():
        right, wrong = fault["right"], fault["wrong"]
        assert header.count(right) == 1, f"{name}: {right!r} stands {header.count(right)} times in inkport.hpp"
        if right.endswith(";"):
            header = header.replace(right, f'if (planted("{name}")) {{ {wrong} }} else {{ {right} }}')
        else:
            header = header.replace(right, f'(planted("{name}") ? ({wrong}) : ({right}))')
    return header.replace("namespace inkport {\n", PLANTED, 1)


@pytest.fixture(scope="session")
def compiler(bundle):
    """Return the compiler's command for the sample of the bundle, and what it links."""
    need("g++")
    flags, libraries = ["-std=c++17", "-DINKPORT_ENGINE_HEADER=<inkport/onnxruntime.hpp>"], ["-ldl"]
    for name, header, link in (("PNG", "png.h", "-lpng"), ("JPEG", "jpeglib.h", "-ljpeg")):
        if not any(Path(place, header).exists() for place in ("/usr/include", "/usr/local/include")):
            pytest.skip(f"{header} is not installed")
        flags.append(f"-DINKPORT_WITH_{name}")
        libraries.append(link)
    return ["g++", *flags, str(bundle / "sample" / "read.cpp")], libraries


@pytest.fixture(scope="session")
def read(bundle, compiler, library, tmp_path_factory):
    """Run the sample with its arguments; returns exit code, standard output and standard error.

    Compiled once for all tests, so its header is a copy in which faults can be asked for.
    """
    folder = tmp_path_factory.mktemp("sample")
    (folder / "inkport.hpp").write_text(with_faults((bundle / "include" / "inkport.hpp").read_text()))
    (folder / "inkport").mkdir()
    shutil.copy2(bundle / "include" / "inkport" / "onnxruntime.hpp", folder / "inkport")
    command, libraries = compiler
    program = str(folder / "read")
    subprocess.run(
        [*command, "-O1", "-w", f"-I{folder}", f"-I{bundle / 'include'}", "-o", program, *libraries], check=True
    )

    def run(*arguments: object, fault: str = "") -> tuple[int, str, str]:
        variables = {**os.environ, "INKPORT_ENGINE_LIBRARY": str(library), "FAULT": fault}
        done = subprocess.run([program, *map(str, arguments)], env=variables, capture_output=True, check=False)
        return done.returncode, done.stdout.decode(errors="backslashreplace"), done.stderr.decode()

    return run
