"""Stand-in children: small scripts that speak the protocol of docs/child-protocol.md, or get it wrong."""

from __future__ import annotations

import sys
import textwrap

import pytest

from inkport.core.artifact import Provenance, load_artifact, new_artifact
from inkport.core.child import open_child
from inkport.core.runtime import SessionOptions
from inkport.core.target import Precision


GOOD = """
import array, json, os, sys, time

def answer(request, **fields):
    print(json.dumps({"id": request["id"], "ok": True} | fields), flush=True)

def refuse(request, kind, message):
    answer(request, ok=False, error={"kind": kind, "message": message})

def hello(request):
    answer(request, protocol=1, engine="doubling", version="1.0")

def open_(request):
    global opened
    opened = request
    answer(request, threads=request["threads"])

def run(request):
    n, _, h, w = request["input"]["shape"]
    images = array.array("f", open(request["input"]["file"], "rb").read())
    logits = array.array("f", (2 * images[h * w * i + w * y + x] for i in range(n) for x in range(w) for y in range(h)))
    open(request["output"], "wb").write(logits.tobytes())
    answer(request, shape=[n, w, h], run_ns=17)

def close(request):
    answer(request)
    sys.exit(0)

HANDLERS = {"hello": hello, "open": open_, "run": run, "close": close}
"""
LOOP = """
for line in sys.stdin:
    request = json.loads(line)
    HANDLERS[request["op"]](request)
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Where children's folders are made; empty again after each test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture
def artifact(toy_spec, tmp_path):
    path = tmp_path / "artifact"
    with new_artifact(
        path, spec=toy_spec, format="onnx", precision=Precision.FP32, provenance=Provenance(stage="test")
    ) as folder:
        (folder / "model.onnx").write_bytes(b"model")
    return load_artifact(path)


@pytest.fixture
def command(tmp_path):
    """The command of a child that behaves except for what ``changes`` redefines."""

    def make(changes="", *, loop=LOOP):
        script = tmp_path / "child.py"
        script.write_text(GOOD + textwrap.dedent(changes) + loop)
        return [sys.executable, "-I", "-S", str(script)]

    return make


@pytest.fixture
def start(command, artifact, temporary):
    """Open a session with such a child, its folder in ``temporary``."""
    assert temporary.is_dir()

    def make(changes="", *, loop=LOOP, **extra):
        return open_child(
            command(changes, loop=loop),
            artifact,
            model=artifact.file(".onnx"),
            device="cpu",
            options=SessionOptions(threads=2, extra={"timeout_s": "20"} | extra),
            label="stand-in",
        )

    return make
