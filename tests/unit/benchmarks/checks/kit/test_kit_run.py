"""Kits are run by runtimes and by children that do more or less of the work; what a child gets wrong is told."""

from __future__ import annotations

import sys
import textwrap
from types import SimpleNamespace

import pytest

from inkport.benchmarks.checks.kit.check import JudgedKit, check_kit
from inkport.benchmarks.checks.kit.runner import run_kit
from inkport.benchmarks.run.device_record import KitRun
from inkport.benchmarks.run.kit.judge import State
from inkport.benchmarks.run.kit.manifest import KitStage, can_be_shown
from inkport.benchmarks.run.kit.open import open_result
from inkport.core import self_timed
from inkport.core.errors import (
    RuntimeExecutionError,
    RuntimeUnavailableError,
    UnknownRuntimeError,
    UnsupportedFormatError,
    UsageError,
)
from inkport.core.runtime import Availability, Evidence


def judged(kit, result):
    """The judgement of a result, what it says of the one target beside what it says of the kit."""
    report = check_kit(kit, result)
    (target,) = report.targets
    return SimpleNamespace(
        report=report,
        first_wrong=report.section(JudgedKit).first_wrong,
        exit_code=report.exit_code,
        outcome=target.outcome,
        reason=target.reason,
        parity=target.parity,
        **vars(target.section(KitRun)),
    )


def test_a_runtime_shows_every_stage(kit, tmp_path):
    result = run_kit(kit, tmp_path / "r.zip", runtime="acme")
    found = judged(kit, open_result(result.path))
    assert [finding.state for finding in found.stages] == [State.RIGHT] * 4
    assert (found.runner.engine, found.runner.version, found.runner.threads) == ("acme", "1.2", 1)
    assert found.environment["threads"] == 1
    assert found.exit_code == 0
    assert found.times.n == len(kit.lines)


def test_the_first_run_of_a_width_is_not_the_one_that_is_timed(kit, install, fake_runtime, faithful, tmp_path):
    now, seen = [0], set()

    def compiles(images):
        now[0] += 5 if images.shape[3] in seen else 1_000_000
        seen.add(images.shape[3])
        return faithful(images)

    install(fake_runtime("acme", logits=compiles))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(self_timed.time, "perf_counter_ns", lambda: now[0])
        result = run_kit(kit, tmp_path / "r.zip")
    assert {line.run_ns for line in result.document.lines} == {5}
    assert len(seen) > 1


def test_what_a_runtime_gets_wrong_is_found(kit, install, fake_runtime, faithful, tmp_path):
    install(fake_runtime("acme"), fake_runtime("late", logits=lambda images: faithful(images[..., ::-1])))
    found = judged(kit, run_kit(kit, tmp_path / "r.zip", runtime="late"))
    assert found.first_wrong is KitStage.LOGITS


def test_an_emulated_runtime_says_so(kit, install, fake_runtime, tmp_path):
    emulated = Availability(ok=True, version="1", devices=("cpu",), evidence=Evidence.EMULATED)
    install(fake_runtime("acme", availability=emulated))
    assert run_kit(kit, tmp_path / "r.zip").document.runner.evidence is Evidence.EMULATED


def test_requests_that_cannot_be_are_refused(kit, install, fake_runtime, tmp_path):
    out = tmp_path / "r.zip"
    install(fake_runtime("acme"), fake_runtime("other", formats=("papyrus",)))
    with pytest.raises(UsageError, match="both were named"):
        run_kit(kit, out, runtime="acme", runner=["x"])
    with pytest.raises(UnknownRuntimeError):
        run_kit(kit, out, runtime="nosuch")
    with pytest.raises(UnsupportedFormatError, match="holds fake, runtime 'other' opens papyrus"):
        run_kit(kit, out, runtime="other")
    with pytest.raises(UsageError, match="no target 'nosuch'"):
        run_kit(kit, out, target="nosuch")
    with pytest.raises(RuntimeUnavailableError, match="does not start"):
        run_kit(kit, out, runner=["/no/such/program"])
    assert not out.exists()


RUNNER = """
import json, math, sys
import numpy as np
from inkport.benchmarks.run.kit.manifest import KitStage
from inkport.core.charset import Charset
from inkport.core.ctc import greedy
from inkport.core.image import load_pixels
from inkport.core.preprocess import normalise, prepare_bytes, PreprocessSpec

SHOWS, START = ["gray", "tensor", "logits", "text"], "image"

def logits_of(images):
    n, _, height, width = images.shape
    frames = images.reshape(n, height, width // 4, 4).mean(axis=(1, 3))
    return np.eye(8, dtype=np.float32)[(frames * 50).astype(int) % 8] * np.float32(5)

def hello(request):
    return dict(protocol=1, engine="stand-in", version="3", start=START, shows=SHOWS)

def open_(request):
    assert json.load(open(request["recogniser"]))["spec"]["charset"]["symbols"] == "abcdefg"
    return dict(threads=request["threads"])

def run(request):
    images = np.fromfile(request["input"]["file"], "<f4").reshape(request["input"]["shape"])
    logits_of(images).tofile(request["output"])
    return dict(shape=[1, images.shape[3] // 4, 8], run_ns=5)

def read(request):
    file, shape = request["input"]["file"], request["input"].get("shape")
    values = {}
    if START == "image":
        assert shape is None
        values["gray"] = load_pixels(open(file, "rb").read())
    else:
        values[START] = np.fromfile(file, np.uint8).reshape(shape)
    if START != "tensor":
        values["tensor"] = prepare_bytes(values["gray"], PreprocessSpec())
    values["logits"] = logits_of(normalise(values["tensor"], PreprocessSpec()))
    for stage, output in request["outputs"].items():
        values[stage].tofile(output)
    shapes = {stage: list(values[stage].shape) for stage in request["outputs"]}
    text = dict(text=greedy(values["logits"][0], Charset(tuple("abcdefg"))).text) if "text" in SHOWS else {}
    return dict(shapes=shapes, run_ns=7) | text

HANDLERS = dict(hello=hello, open=open_, run=run, read=read, close=lambda request: {})
"""
LOOP = """
for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps(dict(id=request["id"], ok=True) | HANDLERS[request["op"]](request)), flush=True)
    if request["op"] == "close":
        break
"""


@pytest.fixture
def child(kit, tmp_path):
    """Run the kit with a stand-in child, of which ``changes`` redefines parts."""

    def run(changes=""):
        script = tmp_path / "child.py"
        script.write_text(RUNNER + textwrap.dedent(changes) + LOOP)
        return run_kit(kit, tmp_path / "r.zip", runner=[sys.executable, str(script)], timeout_s=60)

    return run


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ("", "right right right right"),
        ('START, SHOWS = "gray", ["tensor", "logits"]', "given right right not shown"),
        ('START, SHOWS = "tensor", ["logits", "text"]', "given given right right"),
        ('SHOWS = ["text"]', "not shown not shown not shown not judged"),
        ('HANDLERS["hello"] = lambda request: dict(protocol=1)', "given given right not shown"),
    ],
)
def test_a_child_does_and_shows_as_much_as_it_says(child, kit, changes, expected):
    result = child(changes)
    found = judged(kit, open_result(result.path))
    assert " ".join(finding.state for finding in found.stages) == expected
    assert (found.parity.flipped_lines, found.exit_code) == (0, 0)
    assert found.times.p50_ms == (5e-6 if "protocol=1)" in changes else 7e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ('SHOWS = ["text", "logits"]', "not an order of stages"),
        ('SHOWS = "text"', "not an order of stages"),
        ('START = "logits"', "not an order of stages"),
        ('START = "papyrus"', "greets with 'papyrus'"),
        ('HANDLERS["hello"] = lambda r: hello(r) | dict(evidence="sworn")', "greets with 'sworn'"),
        ('HANDLERS["read"] = lambda r: read(r) | dict(text=None)', "with shapes .* and text None"),
        ('HANDLERS["read"] = lambda r: read(r) | dict(shapes=[])', r"with shapes \[\]"),
        ('HANDLERS["read"] = lambda r: read(r) | dict(shapes={})', "named None as the shape"),
        ('HANDLERS["read"] = lambda r: read(r) | dict(run_ns="fast")', "run_ns 'fast'"),
        (
            'HANDLERS["read"] = lambda r: read(r | dict(outputs={})) | dict(shapes={k: [2] for k in r["outputs"]})',
            "no b",
        ),
        ('HANDLERS["read"] = lambda r: sys.exit(3)', "ended with exit code 3"),
    ],
)
def test_a_child_that_breaks_the_protocol_is_told(child, tmp_path, changes, message):
    with pytest.raises(RuntimeExecutionError, match=message):
        child(changes)
    assert not (tmp_path / "r.zip").exists()


def test_stages_that_a_runner_can_start_from_and_show():
    image, gray, tensor, logits, text = KitStage
    assert can_be_shown(image, (gray, tensor, logits, text))
    assert can_be_shown(tensor, (text,))
    for start, shown in [(image, ()), (image, (gray, tensor)), (logits, (text,)), (tensor, (tensor, logits))]:
        assert not can_be_shown(start, shown)
    assert not can_be_shown(image, (logits, logits))
    assert not can_be_shown(image, (text, logits))
