"""What of an iOS bundle compiles here: the C++ target of its Swift package, tested through C as Swift calls it."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from inkport.core.image import load_pixels
from inkport.core.preprocess import to_bytes
from inkport.export.bundle.bundle import BundleRequest, make_bundle


RGBA8 = 4
"""INKPORT_RGBA8, which the Swift files pass."""


class Pixels(ctypes.Structure):
    """``inkport_pixels``."""

    _fields_ = (
        ("pixels", ctypes.c_void_p),
        ("width", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("row_bytes", ctypes.c_size_t),
        ("layout", ctypes.c_int32),
        ("orientation", ctypes.c_int32),
    )


@pytest.fixture(scope="module")
def ios(int8, lines, tmp_path_factory):
    out = tmp_path_factory.mktemp("bundle") / "reader"
    make_bundle(BundleRequest(model=int8, platform="ios", lines=lines), out)
    return out


@pytest.fixture(scope="module")
def target(ios, library, tmp_path_factory):
    """The C++ target, compiled as its package says: no macro of ours on the command line, ONNX Runtime linked."""
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    folder = ios / "Sources" / "CInkport"
    program = tmp_path_factory.mktemp("ios") / "libcinkport.so"
    command = ["g++", "-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-I{folder / 'include'}"]
    sources = [str(file) for file in folder.glob("*.cpp")]
    subprocess.run([*command, *sources, str(library), "-o", str(program)], check=True)
    # The file's name is longer than the one that it is linked by: loaded first, it is found by the latter.
    ctypes.CDLL(str(library))
    return ctypes.CDLL(str(program))


def test_every_c_function_that_swift_calls_is_declared(ios):
    header = (ios / "Sources" / "CInkport" / "include" / "inkport.h").read_text(encoding="utf-8")
    swift = "".join(file.read_text(encoding="utf-8") for file in (ios / "Sources" / "Inkport").glob("*.swift"))
    called = set(re.findall(r"\binkport_\w+(?=\()", swift)) | set(re.findall(r"\bINKPORT_\w+", swift))
    assert len(called) > 10
    assert [name for name in called if not re.search(rf"\b{name}\b", header)] == []


def test_the_self_test_through_c_finds_nothing_wrong_in_decoded_files(ios, target):
    target.inkport_open.restype = ctypes.c_void_p
    error, stage = ctypes.create_string_buffer(512), ctypes.create_string_buffer(32)
    recogniser = ctypes.c_void_p(target.inkport_open(os.fsencode(ios), None, 1, error, len(error)))
    assert recogniser.value, error.value
    kept = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(Pixels))
    def opened(_, path, pixels):
        gray = to_bytes(load_pixels(Path(os.fsdecode(path))))
        kept.append(np.ascontiguousarray(np.stack([gray, gray, gray, np.full_like(gray, 255)], axis=-1)))
        height, width = gray.shape
        pixels[0] = Pixels(kept[-1].ctypes.data, width, height, 4 * width, RGBA8, 1)
        return 0

    folder = os.fsencode(ios / "golden")
    found = target.inkport_self_test(recogniser, folder, opened, None, 1, stage, len(stage), error, len(error))
    assert (found, stage.value) == (0, b""), error.value
    assert len(kept) >= 18
    target.inkport_close(recogniser)


def test_resources_and_exclusions_of_the_package_are_in_the_bundle(ios):
    """Swift's package manager refuses a package that names a file which is not there."""
    package = (ios / "Package.swift").read_text(encoding="utf-8")
    named = set(re.findall(r'\.copy\("(.*?)"\)', package))
    for block in re.findall(r"(?:exclude|sources): \[(.*?)\]", package, re.DOTALL):
        named |= set(re.findall(r'"(.*?)"', block))
    assert {"model", "golden", "specification.txt", "Sources/Inkport", "Tests/InkportTests"} <= named
    assert [name for name in named if not (ios / name).exists()] == []
