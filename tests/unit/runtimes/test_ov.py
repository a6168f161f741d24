"""OpenVINO's adapter: for real on this CPU, and against a strict fake for other processors and devices."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from inkport.core.artifact import Provenance, load_artifact, new_artifact
from inkport.core.errors import (
    ArtifactCorruptError,
    RuntimeExecutionError,
    RuntimeUnavailableError,
    UnsupportedFormatError,
)
from inkport.core.runtime import Placed, SessionOptions
from inkport.core.target import Precision
from inkport.export.from_onnx.openvino_ir import openvino_from_onnx
from inkport.runtimes.ov import OpenVinoRuntime


def open_on(artifact, device="cpu", **options):
    return OpenVinoRuntime().open(artifact, device=device, options=SessionOptions(**options))


# For real


@pytest.fixture(scope="module")
def toy_openvino(toy_onnx, tmp_path_factory):
    return openvino_from_onnx(toy_onnx, tmp_path_factory.mktemp("toy-openvino") / "openvino-fp32")


def test_layers_are_placed_on_the_cpu_and_counted(toy_openvino):
    session = open_on(toy_openvino)
    assert isinstance(session, Placed)
    found = session.placement()
    assert (found.wanted, set(found.operators), found.elsewhere) == ("CPU", {"CPU"}, 0)
    # Fused, so fewer than in the file, but at least its convolutions and products.
    text = toy_openvino.file(".xml").read_text(encoding="utf-8")
    heavy = sum(text.count(f'type="{kind}"') for kind in ("Convolution", "GroupConvolution", "MatMul"))
    every = text.count("<layer ") - text.count('type="Const"')
    assert heavy < found.operators["CPU"] < every
    session.close()


@pytest.mark.parametrize(
    ("precision", "capability", "bits"), [(Precision.BF16, "BF16", 7), (Precision.FP16, "FP16", 10)]
)
def test_it_computes_in_the_precision_asked_for_or_says_that_it_cannot(toy_openvino, rng, precision, capability, bits):
    """Whichever of the two applies to this processor; never fp32 under another name."""
    import openvino

    images = rng.random((2, 1, 48, 112), dtype=np.float32)
    exact = open_on(toy_openvino).run(images)
    artifact = replace(toy_openvino, precision=precision)
    if capability in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        error = np.abs(open_on(artifact).run(images) - exact).max() / np.abs(exact).max()
        assert 0.05 * 2**-bits < error < 30 * 2**-bits
    else:
        with pytest.raises(RuntimeUnavailableError, match="cannot compute in") as caught:
            open_on(artifact)
        assert "precision" in caught.value.remedy


def test_probe_lists_the_devices_that_openvino_sees():
    found = OpenVinoRuntime().probe()
    assert found.ok
    assert "cpu" in found.devices
    assert all(device == device.lower() for device in found.devices)


# Against a fake


class FakeCore:
    def __init__(self):
        self.fake = sys.modules["openvino"]
        self.available_devices = list(self.fake.capabilities)

    def get_property(self, device, name):
        assert name == "OPTIMIZATION_CAPABILITIES"
        return self.fake.capabilities[device]

    def read_model(self, path):
        if path.read_bytes() == b"damaged":
            raise RuntimeError("cannot parse")
        return path

    def compile_model(self, _model, device, settings):
        assert device in self.available_devices
        assert set(settings) <= {"INFERENCE_PRECISION_HINT", "INFERENCE_NUM_THREADS", "NUM_STREAMS", "PERFORMANCE_HINT"}
        self.fake.compiled.append((device, settings))
        if device == "NPU":
            raise RuntimeError("upper bounds are not specified")
        return FakeCompiled(device, self.fake.computes or settings["INFERENCE_PRECISION_HINT"], self.fake.layers)


class FakeCompiled:
    def __init__(self, device, precision, layers):
        self.device, self.precision, self.layers = device, precision, layers

    def get_property(self, name):
        if name == "EXECUTION_DEVICES":
            return [f"{self.device}.0"] if self.device == "GPU" else [self.device]
        assert name == "INFERENCE_PRECISION_HINT"
        return SimpleNamespace(to_string=lambda: self.precision)

    def get_runtime_model(self):
        def layer(kind):
            return SimpleNamespace(get_rt_info=lambda: {"layerType": SimpleNamespace(astype=lambda _type: kind)})

        return SimpleNamespace(get_ops=lambda: [layer(kind) for kind in self.layers])

    def create_infer_request(self):
        return SimpleNamespace()


@pytest.fixture
def fake(monkeypatch):
    module = ModuleType("openvino")
    module.__version__ = "2026.9.9-123-abc"
    module.capabilities = {"CPU": ["FP32", "INT8"], "GPU": ["FP32", "FP16", "INT8"], "NPU": ["FP16"]}
    module.computes, module.compiled = None, []
    module.layers = ["Input", "Const", "Convolution", "MatMul", "Output"]
    module.Core = FakeCore
    monkeypatch.setitem(sys.modules, "openvino", module)
    return module


@pytest.fixture
def artifact(toy_spec, tmp_path):
    with new_artifact(
        tmp_path / "openvino",
        spec=toy_spec,
        format="openvino",
        precision=Precision.FP32,
        provenance=Provenance(stage="test"),
    ) as folder:
        (folder / "model.xml").write_bytes(b"sound")
    return load_artifact(tmp_path / "openvino")


@pytest.mark.parametrize(("precision", "hint"), [("fp32", "f32"), ("fp16", "f16"), ("int8", "f32")])
def test_the_hint_is_always_set(fake, artifact, precision, hint):
    open_on(replace(artifact, precision=Precision(precision)), "gpu")
    assert fake.compiled == [("GPU", {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"})]


def test_threads_are_the_cpu_s(fake, artifact):
    open_on(artifact, threads=2)
    ((_, settings),) = fake.compiled
    assert settings["INFERENCE_NUM_THREADS"] == "2"
    assert settings["NUM_STREAMS"] == "1"


@pytest.mark.parametrize(("precision", "hint"), [("bf16", "bf16"), ("fp16", "f16")])
def test_a_processor_without_the_precision_is_unavailable(fake, artifact, precision, hint):
    with pytest.raises(RuntimeUnavailableError, match=f"CPU here cannot compute in {hint}; it can in FP32, INT8"):
        open_on(replace(artifact, precision=Precision(precision)))
    assert fake.compiled == []


@pytest.mark.parametrize("computes", ["f32", "bf16"])
def test_another_precision_than_asked_for_is_read_back_and_refused(fake, artifact, computes):
    """OpenVINO 2026.4 answers a hint for f16 with bf16 on processors that have no f16."""
    fake.capabilities["CPU"].append("FP16")
    fake.computes = computes
    with pytest.raises(RuntimeUnavailableError, match=f"asked for f16 and would compute in {computes}"):
        open_on(replace(artifact, precision=Precision.FP16))


def test_a_device_that_is_not_there_names_those_that_are(fake, artifact):
    del fake.capabilities["GPU"]
    with pytest.raises(RuntimeUnavailableError, match="no device 'gpu' here, only cpu, npu"):
        open_on(artifact, "gpu")


@pytest.mark.usefixtures("fake")
def test_faults_of_the_file_and_of_the_device_are_told_apart(artifact):
    with pytest.raises(RuntimeExecutionError, match=r"cannot compile it for NPU \(upper bounds"):
        open_on(artifact, "npu")
    artifact.file(".xml").write_bytes(b"damaged")
    with pytest.raises(ArtifactCorruptError, match=r"cannot read it \(cannot parse"):
        open_on(artifact, "npu")


@pytest.mark.usefixtures("fake")
def test_a_precision_of_other_runtimes_is_refused(artifact):
    with pytest.raises(UnsupportedFormatError, match="openvino runs fp32, bf16, fp16, int8, this artifact is pal6"):
        open_on(replace(artifact, precision=Precision.PAL6))


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_layers_are_counted_where_the_model_was_compiled_for(artifact, device):
    found = open_on(artifact, device).placement()
    assert (found.wanted, found.operators, found.elsewhere) == (device.upper(), {device.upper(): 2}, 0)


@pytest.mark.usefixtures("fake")
def test_layers_elsewhere_are_no_plain_pass(artifact, monkeypatch):
    monkeypatch.setattr(
        FakeCompiled, "get_property", lambda _self, name: ["CPU"] if name == "EXECUTION_DEVICES" else F32
    )
    found = open_on(artifact, "gpu").placement()
    assert (found.wanted, found.operators, found.elsewhere) == ("GPU", {"CPU": 2}, 2)


F32 = SimpleNamespace(to_string=lambda: "f32")
