"""A Mac, as far as coremltools shows it: strict, and computing with the reference evaluator."""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from inkport.core.target import Precision
from inkport.runtimes.mil.program import Evaluator
from inkport.runtimes.mlpackage import import_coremltools


coremltools = import_coremltools()
MLModel = coremltools.models.MLModel
MLComputePlan = coremltools.models.compute_plan.MLComputePlan
DEVICES = {
    "cpu": coremltools.models.compute_device.MLCPUComputeDevice,
    "gpu": coremltools.models.compute_device.MLGPUComputeDevice,
    "ane": coremltools.models.compute_device.MLNeuralEngineComputeDevice,
}
WIDTHS = (32, 112, 352, 1024)
"""Enumerated widths: those of the golden images, which must not be padded, and the suite's widest."""


class MisuseError(AssertionError):
    """A call that the real coremltools, or Core ML behind it, would refuse."""


def bind(real, *args, **kwargs):
    """Refuse what the installed coremltools' own signature does not take."""
    try:
        return inspect.signature(real).bind(*args, **kwargs).arguments
    except TypeError as error:
        raise MisuseError(f"{real.__qualname__}: {error}") from error


def require(right, message):
    if not right:
        raise MisuseError(message)


class Mac:
    """What a Mac was asked for, and what it answers."""

    def __init__(self):
        self.loaded, self.plans = [], []
        self.places = ["cpu", None, "cpu"]
        """The device of each operator of the plan, None for those that run nowhere."""
        self.refusal = None
        """Why Core ML does not load packages."""


class FakeModel:
    mac: Mac

    def __init__(self, *args, **kwargs):
        given = bind(MLModel.__init__, self, *args, **kwargs)
        path, unit = given["model"], given.get("compute_units", coremltools.ComputeUnit.ALL)
        require(type(path) is str and Path(path).is_dir(), f"model must be a package's path as str, found {path!r}")
        require(isinstance(unit, coremltools.ComputeUnit), f"compute_units must be a ComputeUnit, found {unit!r}")
        require(given.keys() <= {"self", "model", "compute_units"}, f"arguments that nobody needs: {given.keys()}")
        self.spec, self.unit = coremltools.models.utils.load_spec(path), unit
        self.evaluator = None
        if self.mac.refusal is not None:
            message = f"You will not be able to run predict() on this Core ML model: {self.mac.refusal}"
            warnings.warn(message, RuntimeWarning, stacklevel=2)
            return
        self.evaluator = Evaluator(Path(path), self.spec.description.input[0].name)
        self.mac.loaded.append(self)

    def get_spec(self, *args, **kwargs):
        bind(MLModel.get_spec, self, *args, **kwargs)
        return self.spec

    def get_compiled_model_path(self, *args, **kwargs):
        bind(MLModel.get_compiled_model_path, self, *args, **kwargs)
        if self.evaluator is None:
            raise RuntimeError("This model was not loaded or compiled with the Core ML Framework.")
        return f"/compiled/{id(self)}.mlmodelc"

    def predict(self, *args, **kwargs):
        data = bind(MLModel.predict, self, *args, **kwargs)["data"]
        (image,) = self.spec.description.input
        require(type(data) is dict and list(data) == [image.name], f"predict takes {image.name}, found {list(data)}")
        line = data[image.name]
        right = type(line) is np.ndarray and line.dtype == np.float32 and line.flags.c_contiguous
        require(right, f"predict takes contiguous float32 arrays, found {line!r}")
        declared = image.type.multiArrayType
        shapes = [tuple(item.shape) for item in declared.enumeratedShapes.shapes]
        ranges = [range(item.lowerBound, item.upperBound + 1) for item in declared.shapeRange.sizeRanges]
        inside = len(line.shape) == len(ranges) and all(n in span for n, span in zip(line.shape, ranges, strict=True))
        require(line.shape in shapes if shapes else inside, f"shape {line.shape} is not one of {shapes or ranges}")
        return {name: value.copy() for name, value in self.evaluator.run(line).items()}


class FakePlan:
    mac: Mac

    @classmethod
    def load_from_path(cls, *args, **kwargs):
        given = bind(MLComputePlan.load_from_path, *args, **kwargs)
        path, unit = given["path"], given.get("compute_units")
        compiled = [model.get_compiled_model_path() for model in cls.mac.loaded]
        require(path in compiled, f"path must be that of a compiled model, found {path!r}")
        require(isinstance(unit, coremltools.ComputeUnit), f"compute_units must be a ComputeUnit, found {unit!r}")
        cls.mac.plans.append(unit)
        main = SimpleNamespace(block=SimpleNamespace(operations=list(enumerate(cls.mac.places))))
        plan = cls()
        plan.model_structure = SimpleNamespace(program=SimpleNamespace(functions={"main": main}))
        return plan

    def get_compute_device_usage_for_mlprogram_operation(self, *args, **kwargs):
        real = MLComputePlan.get_compute_device_usage_for_mlprogram_operation
        _, place = bind(real, self, *args, **kwargs)["operation"]
        if place is None:
            return None
        # The real classes, which cannot be made without Core ML.
        return SimpleNamespace(preferred_compute_device=object.__new__(DEVICES[place]))


@pytest.fixture(scope="session")
def package(export_toy):
    """The toy as a package by precision."""
    return lambda precision=Precision.FP32: export_toy("coreml", precision)


@pytest.fixture(scope="session")
def enumerated(toy_artifact, tmp_path_factory):
    """The toy in fp16 with enumerated widths."""
    from inkport.export.from_torch.coreml import fp16_coreml_from_safetensors

    return fp16_coreml_from_safetensors(toy_artifact, tmp_path_factory.mktemp("ane") / "coreml-fp16", widths=WIDTHS)


@pytest.fixture(scope="class")
def mac(package, enumerated):  # noqa: ARG001 - exporters use coremltools too, and must have the real one
    """This machine is a Mac with Apple silicon until the class is done."""
    package()
    found = Mac()
    release = ("15.1", ("", "", ""), "arm64")
    apple = SimpleNamespace(system=lambda: "Darwin", machine=lambda: "arm64", mac_ver=lambda: release)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inkport.runtimes.coreml.platform", apple)
        patch.setattr("coremltools.models.MLModel", type("MLModel", (FakeModel,), {"mac": found}))
        patch.setattr("coremltools.models.compute_plan.MLComputePlan", type("Plan", (FakePlan,), {"mac": found}))
        yield found
