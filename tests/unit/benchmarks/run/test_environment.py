from __future__ import annotations

import getpass
import json
import platform
from dataclasses import replace
from pathlib import Path

import pytest

from inkport.benchmarks.run import environment
from inkport.benchmarks.run.environment import read_environment, threads_on, without_folders
from inkport.core.config import to_plain


def test_says_what_figures_depend_on():
    found = read_environment(threads=3)
    assert found.threads == 3
    assert found.cores >= 1
    assert found.python == platform.python_version()
    assert found.packages["numpy"]
    assert found.cpu


def test_threads_that_share_processors_are_said_to_wherever_they_are_named():
    found = read_environment(threads=4)
    assert found.processors <= found.cores
    assert threads_on(replace(found, processors=1.0), 4) == "4 threads share 1 processor"
    assert threads_on(replace(found, processors=4.0), 4) == "4 threads"
    # Reports of before do not know.
    assert threads_on(replace(found, processors=None), 4) == "4 threads"
    assert threads_on(replace(found, processors=1.0), 1) == "1 thread"


def test_names_neither_machine_nor_user():
    text = json.dumps(to_plain(read_environment(threads=1)))
    assert str(Path.home()) not in text
    assert platform.node() not in text.split('"')
    assert getpass.getuser() not in text.split('"')


def test_keeps_the_features_that_matter(monkeypatch):
    cpuinfo = "processor\t: 0\nmodel name\t: Some CPU 9000\nflags\t\t: fpu sse2 avx2 avx512_vnni amx_int8 amx_tile\n"
    monkeypatch.setattr(environment, "_text", lambda path: cpuinfo if path.name == "cpuinfo" else "")
    found = read_environment(threads=1)
    assert found.cpu == "Some CPU 9000"
    assert found.isa == ("amx_int8", "amx_tile", "avx2", "avx512_vnni")
    assert found.governor is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/ada/models/x.onnx: no such file", "x.onnx: no such file"),
        ("cannot load '/tmp/a b/c'", "cannot load 'a b/c'"),
        ("out/verify/artifacts/onnx-int8: damaged", "out/verify/artifacts/onnx-int8: damaged"),
        ("see https://example.org/a/b", "see https://example.org/a/b"),
        (r"C:\Users\ada\x.onnx is damaged", "x.onnx is damaged"),
        ("lines mss19/f207/000 and 3/4", "lines mss19/f207/000 and 3/4"),
    ],
)
def test_folders_are_dropped(text, expected):
    assert without_folders(text) == expected
