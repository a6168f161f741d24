"""The TensorRT adapter, through strict fakes of TensorRT and CUDA, held to the suite that every runtime inherits."""

from __future__ import annotations

import pytest

from inkport.core.target import Precision
from inkport.runtimes.conformance import RuntimeConformance


class OnFakes(RuntimeConformance):
    """The suite on the toy, on a machine that is not there."""

    runtime, device = "tensorrt", "cuda:0"
    version = "11.4.0.106"
    # A GPU has its own, and a process of its own would not have these fakes.
    thread_counts = ()
    precision = Precision.FP32

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def machine(cls, machine_class):
        with pytest.MonkeyPatch.context() as patch:
            machine = machine_class(patch, cls.version, (("NVIDIA Fake", 8, 9),))
            yield machine
            if machine.cuda.live:
                pytest.fail(f"{machine.cuda.live} allocations and streams were not given back")

    @pytest.fixture(scope="class")
    @classmethod
    def artifact(cls, engine_of):
        return engine_of(cls.version, cls.precision)

    @pytest.fixture(scope="class")
    @classmethod
    def golden(cls, toy_golden):
        return toy_golden


class TestTensorRt11(OnFakes):
    pass


class TestTensorRt11Fp16(OnFakes):
    precision = Precision.FP16


class TestTensorRt11Int8(OnFakes):
    precision = Precision.INT8


class TestTensorRt10(OnFakes):
    version = "10.16.1.11"


class TestTensorRt8(OnFakes):
    version = "8.6.1"
