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
    # A process of its own for each count: once per engine is enough, and some decide about threads by themselves.
    thread_counts = ()

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
    thread_counts = RuntimeConformance.thread_counts


class TestOnnxRuntime(OnToy):
    runtime, format = "onnxruntime", "onnx"
    thread_counts = RuntimeConformance.thread_counts


class TestOnnxRuntimeInt8(OnToy):
    runtime, format, precision = "onnxruntime", "onnx", Precision.INT8


class TestOnnxRuntimeFp16(OnToy):
    runtime, format, precision = "onnxruntime", "onnx", Precision.FP16


class TestOpenVino(OnToy):
    runtime, format = "openvino", "openvino"
    thread_counts = RuntimeConformance.thread_counts


class TestOpenVinoInt8(OnToy):
    runtime, format, precision = "openvino", "openvino", Precision.INT8


class OnCapable(OnToy):
    """Skipped on processors that do not compute in the precision; tests/unit/runtimes/test_ov.py sees them refused."""

    runtime, format = "openvino", "openvino"
    capability: str

    @classmethod
    def _require(cls, adapter):
        super()._require(adapter)
        import openvino

        if cls.capability not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            pytest.skip(f"this processor does not compute in {cls.precision}")


class TestOpenVinoBf16(OnCapable):
    precision, capability = Precision.BF16, "BF16"


class TestOpenVinoFp16(OnCapable):
    precision, capability = Precision.FP16, "FP16"


class TestLiteRt(OnToy):
    runtime, format = "litert", "litert"
    thread_counts = RuntimeConformance.thread_counts


class TestLiteRtInt8(OnToy):
    runtime, format, precision = "litert", "litert", Precision.INT8


class TestExecuTorch(OnToy):
    runtime, format = "executorch", "executorch"
    thread_counts = RuntimeConformance.thread_counts


class TestNcnn(OnToy):
    runtime, format = "ncnn", "ncnn"
    thread_counts = RuntimeConformance.thread_counts


class TestOrtNode(OnToy):
    runtime, format = "ort-node", "onnx"


class TestOrtNodeInt8(OnToy):
    runtime, format, precision = "ort-node", "onnx", Precision.INT8


class TestBundleCpp(OnToy):
    runtime, format = "bundle-cpp", "onnx"


class TestBundleCppInt8(OnToy):
    runtime, format, precision = "bundle-cpp", "onnx", Precision.INT8


class TestBundleNode(OnToy):
    runtime, format = "bundle-node", "onnx"


class TestBundleNodeInt8(OnToy):
    runtime, format, precision = "bundle-node", "onnx", Precision.INT8


class TestBundleWeb(OnToy):
    runtime, device, format = "bundle-web", "wasm", "onnx"


class TestBundleWebInt8(OnToy):
    runtime, device, format, precision = "bundle-web", "wasm", "onnx", Precision.INT8


class TestOrtWeb(OnToy):
    runtime, device, format = "ort-web", "wasm", "onnx"


class TestOrtWebInt8(OnToy):
    runtime, device, format, precision = "ort-web", "wasm", "onnx", Precision.INT8


class TestOrtArm64Int8(OnToy):
    runtime, format, precision = "ort-arm64", "onnx", Precision.INT8


class TestCoreMlMil(OnToy):
    runtime, format = "coreml-mil", "coreml"


class TestCoreMlMilFp16(OnToy):
    runtime, format, precision = "coreml-mil", "coreml", Precision.FP16


class TestCoreMlMilW8(OnToy):
    runtime, format, precision = "coreml-mil", "coreml", Precision.W8


class TestCoreMlMilPal6(OnToy):
    runtime, format, precision = "coreml-mil", "coreml", Precision.PAL6


class TestCoreMlMilPal4(OnToy):
    runtime, format, precision = "coreml-mil", "coreml", Precision.PAL4
