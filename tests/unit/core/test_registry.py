"""Runtimes by name, with plug-ins that are missing, doubled, broken or rude."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import numpy as np
import pytest

from inkport.core import registry
from inkport.core.artifact import load_artifact
from inkport.core.errors import (
    RuntimeCollisionError,
    RuntimeExecutionError,
    RuntimeUnavailableError,
    UnknownRuntimeError,
    UnsupportedFormatError,
    UsageError,
)
from inkport.core.runtime import Availability, SessionOptions


class Good:
    name = "good"
    formats = ("safetensors",)

    def probe(self):
        return Availability(ok=True, version="1", devices=("cpu",))

    def open(self, artifact, *, device, options):
        self.opened = (artifact, device, options)
        return self

    def run(self, images):
        return np.zeros((len(images), images.shape[3] // 4, 8), dtype=np.float32)

    def close(self):
        pass


class Absent(Good):
    def probe(self):
        return Availability(ok=False, reason="no driver", remedy="install the driver")


class RudeProbe(Good):
    def probe(self):
        raise OSError("libacme.so: cannot open shared object file")


class SilentProbe(Good):
    def probe(self):
        return None


class NoFormats(Good):
    formats = ()


class OneFormat(Good):
    formats = "safetensors"


class RudeOpen(Good):
    def open(self, artifact, *, device, options):
        raise MemoryError("out of device memory")


class OurError(Good):
    def open(self, artifact, *, device, options):
        raise UsageError("batch must be 1")


class OnlyOnnx(Good):
    formats = ("onnx", "ort")

    def probe(self):
        raise AssertionError("the format is checked first")


class NoRuntime:
    name = "nothing"


class Broken:
    def __init__(self):
        raise ImportError("no module named acme_sdk")


@pytest.fixture
def register(monkeypatch):
    def make(**classes):
        points = [
            EntryPoint(name=name, value=f"{__name__}:{cls.__name__}", group=registry.GROUP)
            for name, found in classes.items()
            for cls in (found if isinstance(found, list) else [found])
        ]
        # A plug-in would be loaded in another process, which knows nothing of these.
        monkeypatch.setattr(registry, "is_ours", lambda _: True)
        monkeypatch.setattr(registry, "entry_points", lambda group: points if group == registry.GROUP else [])
        lookup = {f"{__name__}:{cls.__name__}": cls for cls in (Good, Absent, RudeProbe, RudeOpen, OurError)}
        others = (OnlyOnnx, NoRuntime, Broken, SilentProbe, NoFormats, OneFormat)
        lookup |= {f"{__name__}:{cls.__name__}": cls for cls in others}
        monkeypatch.setattr(EntryPoint, "load", lambda point: lookup[point.value])

    return make


def test_names_are_sorted(register):
    register(b=Good, a=Absent)
    assert registry.runtime_names() == ("a", "b")


def test_an_unknown_name_lists_the_known_ones(register):
    register(b=Good, a=Absent)
    with pytest.raises(UnknownRuntimeError, match="'c' is not registered\nfix: registered runtimes: a, b"):
        registry.load_runtime("c")


def test_two_packages_may_not_claim_one_name(register):
    register(a=[Good, Absent])
    for use in (registry.load_runtime, registry.probe):
        with pytest.raises(RuntimeCollisionError, match=r"registered by .*:Absent, .*:Good"):
            use("a")


def test_one_package_seen_twice_is_no_collision(register):
    register(a=[Good, Good])
    assert registry.load_runtime("a").name == "good"


@pytest.mark.parametrize(
    ("cls", "reason", "remedy"),
    [
        (Broken, "does not load: ImportError('no module named acme_sdk')", "fix or uninstall"),
        (NoRuntime, "is not a runtime", "fix or uninstall"),
        (RudeProbe, "its probe raised OSError('libacme.so", "report this"),
        (SilentProbe, "its probe returned None, no Availability", "report this"),
        (NoFormats, "names no formats: ()", "uninstall the package"),
        (OneFormat, "names no formats: 'safetensors'", "uninstall the package"),
        (Absent, "no driver", "install the driver"),
    ],
)
def test_a_runtime_that_cannot_run_says_why(register, toy_artifact, cls, reason, remedy):
    register(a=cls)
    availability = registry.probe("a")
    assert not availability.ok
    assert reason in availability.reason
    assert remedy in availability.remedy
    with pytest.raises(RuntimeUnavailableError) as caught:
        registry.open_session(toy_artifact, runtime="a")
    assert reason in str(caught.value)
    assert remedy in str(caught.value)


def test_a_format_that_the_runtime_does_not_open_is_refused_before_anything_else(register, toy_artifact):
    register(a=OnlyOnnx)
    with pytest.raises(UnsupportedFormatError, match="opens onnx, ort, this artifact is safetensors"):
        registry.open_session(toy_artifact, runtime="a")


def test_a_failure_of_the_engine_names_runtime_device_and_artifact(register, toy_artifact):
    register(a=RudeOpen)
    with pytest.raises(RuntimeExecutionError, match=r"a on npu: failed to open .*convtext-toy.*out of device memory"):
        registry.open_session(toy_artifact, runtime="a", device="npu")


def test_errors_of_ours_pass_through(register, toy_artifact):
    register(a=OurError)
    with pytest.raises(UsageError, match="batch must be 1"):
        registry.open_session(toy_artifact, runtime="a")


def test_a_session_gets_artifact_device_and_options_and_is_checked(register, toy_artifact):
    register(a=Good)
    options = SessionOptions(threads=2)
    with registry.open_session(toy_artifact, runtime="a", device="npu", options=options) as session:
        assert session.session.opened == (toy_artifact, "npu", options)
        assert session.run(np.zeros((1, 1, 48, 64), dtype=np.float32)).shape == (1, 16, 8)
        assert session.label == "a on npu"


def test_the_built_in_runtimes_are_registered():
    assert {"torch", "onnxruntime", "openvino"} <= set(registry.runtime_names())


def test_the_toy_runs_in_the_reference(toy_artifact):
    pytest.importorskip("torch", reason="the reference needs torch")
    with registry.open_session(load_artifact(toy_artifact.path), runtime="torch") as session:
        assert session.run(np.ones((2, 1, 48, 64), dtype=np.float32)).shape == (2, 16, 8)
