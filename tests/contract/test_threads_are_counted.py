"""The suite's count of threads: an engine that uses more or fewer than it was given is caught, an honest one is not."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from inkport.core import registry
from inkport.core.artifact import Provenance, load_artifact, new_artifact
from inkport.core.processors import count_processors
from inkport.core.runtime import SessionOptions
from inkport.core.target import Precision
from inkport.runtimes.busy_threads import busy_threads, thread_times
from inkport.runtimes.conformance import RuntimeConformance
from inkport.runtimes.logits import sample_images


# hashlib computes outside of Python's lock, so that threads run together.
ENGINE = """
import hashlib
from concurrent.futures import ThreadPoolExecutor
from inkport.core.runtime import Availability

# So much that what the protocol takes beside it is no tenth of it, on a busy machine too.
DATA = bytes(64 << 20)

class Honest:
    name, formats = "engine", ("onnx",)
    used = staticmethod(lambda given: given)

    def probe(self):
        return Availability(ok=True, version="1", devices=("cpu",))

    def open(self, artifact, *, device, options):
        self.count = self.used(options.threads)
        self.pool = ThreadPoolExecutor(self.count)
        return self

    def run(self, images):
        for done in [self.pool.submit(hashlib.sha256, DATA) for _ in range(self.count)]:
            done.result()

    def close(self):
        self.pool.shutdown()

class Greedy(Honest):
    used = staticmethod(lambda given: 2)

class Lonely(Honest):
    used = staticmethod(lambda given: 1)
"""


@pytest.fixture
def count(tmp_path, monkeypatch, toy_spec):
    """Have the suite count the threads of an engine."""
    if not thread_times() or count_processors() < 2:
        pytest.skip("two threads do not run together here, or the system does not tell how long they ran")
    (tmp_path / "counted_engine.py").write_text(ENGINE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    made = Provenance(stage="test")
    path = tmp_path / "model"
    with new_artifact(path, spec=toy_spec, format="onnx", precision=Precision.FP32, provenance=made) as folder:
        (folder / "model.onnx").write_bytes(b"model")
    artifact = load_artifact(path)

    def run(engine, threads):
        point = EntryPoint("engine", f"counted_engine:{engine}", registry.GROUP)
        monkeypatch.setattr(registry, "entry_points", lambda **_: [point])
        session = registry.isolate("engine").open(artifact, device="cpu", options=SessionOptions(threads=threads))
        suite = RuntimeConformance()
        suite.runtime = "engine"
        try:
            suite._count(session, sample_images(artifact.spec.preprocess, 1024, lines=8), threads)
        finally:
            session.close()

    return run


@pytest.mark.parametrize(("engine", "threads"), [("Honest", 1), ("Honest", 2), ("Greedy", 2), ("Lonely", 1)])
def test_an_engine_that_keeps_to_its_threads_passes(count, engine, threads):
    count(engine, threads)


@pytest.mark.parametrize(("engine", "given", "used"), [("Greedy", 1, 2), ("Lonely", 2, 1)])
def test_an_engine_that_does_not_is_caught(count, engine, given, used):
    with pytest.raises(pytest.fail.Exception, match=f"engine computes with {used} threads, {given} were given"):
        count(engine, given)


def test_threads_that_only_keep_house_do_not_count():
    assert busy_threads({"1": 50, "2": 7}, {"1": 1050, "2": 107, "3": 99}) == 2
    assert busy_threads({"1": 50}, {"1": 50}) == 0
    assert busy_threads({}, {}) == 0


def test_a_thread_that_ends_meanwhile_is_left_out(tmp_path):
    for name, text in {"11": "9000 1 1\n", "12": ""}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "schedstat").write_text(text)
    (tmp_path / "13").mkdir()
    assert thread_times(tmp_path) == {"11": 9000}
