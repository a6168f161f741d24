"""A machine with a GPU, as far as TensorRT's and CUDA's Python bindings show it."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from inkport.export.from_onnx.tensorrt_engine import TensorRtOptions, tensorrt_from_onnx


def load(name):
    spec = spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FAKE_CUDA, FAKE_TENSORRT = load("fake_cuda"), load("fake_tensorrt")


class Machine:
    """Stands in for the bindings until the patch is undone."""

    def __init__(self, patch, version, gpus):
        self.cuda = FAKE_CUDA.FakeCuda(gpus)
        self.tensorrt = FAKE_TENSORRT.make_tensorrt(version, self.cuda, FAKE_CUDA.MisuseError)
        bindings = {"cuda": {}, "cuda.bindings": {"runtime": self.cuda}, "tensorrt": vars(self.tensorrt)}
        for name, content in bindings.items():
            module = ModuleType(name)
            vars(module).update(content, __spec__=ModuleSpec(name, None), __path__=[])
            patch.setitem(sys.modules, name, module)
        patch.setattr("inkport.runtimes.trt.has_driver", lambda: True)
        self.misuse = FAKE_CUDA.MisuseError


@pytest.fixture
def make_machine(monkeypatch):
    """Return a function that puts a machine of this version and these GPUs in place of the bindings."""

    def make(version="11.4.0.106", gpus=(("NVIDIA Fake", 8, 9),)):
        return Machine(monkeypatch, version, gpus)

    return make


@pytest.fixture(scope="session")
def engine_of(export_toy, tmp_path_factory):
    """Return a function that builds the toy's engine in a precision, once per version of TensorRT."""
    made = {}

    def build(version, precision):
        if (version, precision) not in made:
            source = export_toy("onnx", precision)
            out = tmp_path_factory.mktemp("engines") / f"tensorrt-{precision}"
            made[version, precision] = tensorrt_from_onnx(source, out, options=TensorRtOptions(max_batch=3))
        return made[version, precision]

    return build


@pytest.fixture(scope="session")
def api():
    return FAKE_TENSORRT.API


@pytest.fixture(scope="session")
def machine_class():
    return Machine
