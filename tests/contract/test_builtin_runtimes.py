"""inkport's own runtimes, held to the suite that vendors inherit."""

from __future__ import annotations

import pytest


pytest.importorskip("torch", reason="the toy and its golden logits need torch")

from inkport.core.target import Precision
from inkport.runtimes.conformance import RuntimeConformance


class OnToy(RuntimeConformance):
    """The suite on the toy recogniser."""

    format: str
    precision = Precision.FP32

    @pytest.fixture(scope="class")
    @classmethod
    def artifact(cls, export_toy):
        return export_toy(cls.format, cls.precision)

    @pytest.fixture(scope="class")
    @classmethod
    def golden(cls, toy_golden):
        return toy_golden


class TestTorch(OnToy):
    runtime, format = "torch", "safetensors"


class TestOnnxRuntime(OnToy):
    runtime, format = "onnxruntime", "onnx"


class TestOnnxRuntimeInt8(OnToy):
    runtime, format, precision = "onnxruntime", "onnx", Precision.INT8


class TestOpenVino(OnToy):
    runtime, format = "openvino", "openvino"
