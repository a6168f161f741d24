"""The real thing, on a machine with a GPU: ``pytest -m device tests/contract/nvidia``."""

from __future__ import annotations

import pytest

from inkport.core.target import Precision
from inkport.export.from_onnx.tensorrt_engine import tensorrt_from_onnx
from inkport.runtimes.conformance import RuntimeConformance


pytestmark = pytest.mark.device


class OnGpu(RuntimeConformance):
    """The suite on an engine that TensorRT builds here."""

    runtime, device = "tensorrt", "cuda:0"
    precision = Precision.FP32
    # A GPU has its own.
    thread_counts = ()

    @pytest.fixture(scope="class")
    @classmethod
    def artifact(cls, export_toy, tmp_path_factory):
        return tensorrt_from_onnx(export_toy("onnx", cls.precision), tmp_path_factory.mktemp("gpu") / "engine")

    @pytest.fixture(scope="class")
    @classmethod
    def golden(cls, toy_golden):
        return toy_golden


class TestFp32(OnGpu):
    pass


class TestFp16(OnGpu):
    precision = Precision.FP16


class TestInt8(OnGpu):
    precision = Precision.INT8
