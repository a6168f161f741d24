"""ONNX Runtime's adapter: for real on the CPU provider, and against a strict fake where no such hardware is."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest

from inkport.core.artifact import Provenance, load_artifact, new_artifact
from inkport.core.errors import ArtifactCorruptError, RuntimeUnavailableError, UsageError
from inkport.core.runtime import Placed, SessionOptions
from inkport.core.target import Precision
from inkport.runtimes import ort_providers
from inkport.runtimes.ort import OnnxRuntime
from inkport.runtimes.ort_providers import PROVIDERS, Provider, count_operators


CPU = "CPUExecutionProvider"


def open_on(artifact, device="cpu", *, threads=1, **extra):
    return OnnxRuntime().open(artifact, device=device, options=SessionOptions(threads=threads, extra=extra))


# For real


def computing_nodes(artifact, folder):
    """Count the nodes of the graph that ONNX Runtime really runs, those that only handle shapes left out."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(artifact.file(".onnx"), options, providers=[CPU])
    graph = onnx.load(folder / "optimised.onnx").graph
    whole = {tensor.name for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.INT64}
    for node in graph.node:
        if node.op_type == "Shape" or whole.issuperset(filter(None, node.input)):
            whole.update(node.output)
    return sum(not whole.issuperset(node.output) for node in graph.node)


def test_every_operator_runs_on_the_cpu_and_each_is_counted(toy_onnx, tmp_path):
    session = open_on(toy_onnx)
    assert isinstance(session, Placed)
    found = session.placement()
    assert found.wanted == CPU
    assert found.operators == {CPU: computing_nodes(toy_onnx, tmp_path)}
    assert found.elsewhere == 0
    session.close()


def test_reading_the_placement_leaves_the_session_as_it_was(toy_onnx, rng, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = rng.random((2, 1, 48, 64), dtype=np.float32)
    session = open_on(toy_onnx)
    before = session.run(images)
    session.placement()
    np.testing.assert_array_equal(session.run(images), before)
    assert list(tmp_path.iterdir()) == [], "no profile is left behind"


def test_a_provider_that_takes_no_operator_is_seen_through(toy_onnx, monkeypatch):
    """The Azure provider of every wheel computes nothing itself, so the CPU does it all: a real fallback."""
    azure = Provider(name="AzureExecutionProvider", remedy="none")
    assert azure.name in onnxruntime.get_available_providers()
    monkeypatch.setattr(ort_providers, "PROVIDERS", {**PROVIDERS, "azure": azure})
    found = open_on(toy_onnx, "azure").placement()
    assert found.wanted == azure.name
    assert set(found.operators) == {CPU}
    assert found.elsewhere == found.operators[CPU] > 20


def test_probe_lists_the_devices_of_this_build():
    found = OnnxRuntime().probe()
    assert found.ok
    expected = [device for device, p in PROVIDERS.items() if p.name in onnxruntime.get_available_providers()]
    assert list(found.devices) == expected
    assert found.devices[0] == "cpu"


def test_every_device_is_a_provider_that_onnx_runtime_knows():
    assert {provider.name for provider in PROVIDERS.values()} <= set(onnxruntime.get_all_providers())


@pytest.mark.parametrize("device", [device for device in PROVIDERS if device != "cpu"])
def test_a_device_that_this_build_lacks_names_its_package(toy_onnx, device, monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CPU])
    with pytest.raises(RuntimeUnavailableError, match=f"lacks {PROVIDERS[device].name}; it has cpu") as caught:
        open_on(toy_onnx, device)
    assert caught.value.remedy == PROVIDERS[device].remedy


def test_an_unknown_device_names_the_known_ones(toy_onnx):
    with pytest.raises(RuntimeUnavailableError, match="'abacus'") as caught:
        open_on(toy_onnx, "abacus")
    assert all(device in caught.value.remedy for device in PROVIDERS)


# Against a fake


class Settings:
    """Takes only the settings that the real class has."""

    def __setattr__(self, name, value):
        assert hasattr(onnxruntime.SessionOptions, name), name
        object.__setattr__(self, name, value)


class FakeSession:
    """Follows the contract of ``onnxruntime.InferenceSession`` as far as the adapter may rely on it."""

    def __init__(self, path, settings, *, providers, enable_fallback):
        fake = sys.modules["onnxruntime"]
        assert enable_fallback == 0, "the real one would print a line and go on with the CPU"
        assert isinstance(settings, Settings)
        assert providers[-1][0] == CPU
        assert all(isinstance(k, str) and isinstance(v, str) for _, told in providers for k, v in told.items())
        fake.opened.append((settings, providers))
        if path.read_bytes() == b"damaged":
            raise RuntimeError("protobuf parsing failed")
        if providers[0][0] == fake.failing:
            raise RuntimeError("the driver says no")
        self.names = [name for name, _ in providers if name != fake.dropped]
        self.settings, self.runs = settings, 0

    def get_providers(self):
        return self.names

    def get_inputs(self):
        return [SimpleNamespace(name="images")]

    def run(self, _names, feeds):
        (image,) = feeds.values()
        assert image.shape == (1, 1, 48, 32)
        self.runs += 1
        return [np.zeros((1, 8, 3), np.float32)]

    def end_profiling(self):
        assert self.settings.enable_profiling
        assert self.runs == 1
        name = f"{self.settings.profile_file_prefix}_2026.json"
        with open(name, "w", encoding="utf-8") as file:  # noqa: PTH123 - the name is a string, as the real one's
            json.dump(sys.modules["onnxruntime"].events, file)
        return name


def kernel(name, provider, *types):
    shapes = [{kind: [1, 2]} for kind in types]
    return {"cat": "Node", "name": f"{name}_kernel_time", "args": {"provider": provider, "output_type_shape": shapes}}


@pytest.fixture
def fake(monkeypatch):
    module = ModuleType("onnxruntime")
    module.__version__ = "1.99.0"
    module.opened, module.failing, module.dropped, module.events = [], None, None, []
    module.get_available_providers = lambda: [provider.name for provider in PROVIDERS.values()]
    module.SessionOptions, module.InferenceSession = Settings, FakeSession
    monkeypatch.setitem(sys.modules, "onnxruntime", module)
    return module


@pytest.fixture
def artifact(toy_spec, tmp_path):
    with new_artifact(
        tmp_path / "onnx",
        spec=toy_spec,
        format="onnx",
        precision=Precision.FP32,
        provenance=Provenance(stage="test"),
    ) as folder:
        (folder / "model.onnx").write_bytes(b"sound")
    return load_artifact(tmp_path / "onnx")


@pytest.mark.parametrize(
    ("device", "extra", "told"),
    [
        ("cpu", {}, {}),
        ("cuda", {"device_id": "1"}, {"device_id": "1", "use_tf32": "0"}),
        ("tensorrt", {}, {}),
        ("coreml", {"MLComputeUnits": "CPUAndNeuralEngine"}, {"MLComputeUnits": "CPUAndNeuralEngine"}),
        ("xnnpack", {}, {"intra_op_num_threads": "3"}),
        ("qnn", {"backend_type": "htp"}, {"backend_type": "htp"}),
        ("directml", {"device_id": "0"}, {"device_id": "0"}),
    ],
)
def test_a_provider_is_told_its_options_and_the_cpu_comes_second(fake, artifact, device, extra, told):
    open_on(artifact, device, threads=3, **extra)
    ((settings, providers),) = fake.opened
    assert providers[0] == (PROVIDERS[device].name, told)
    assert providers[1:] == ([] if device == "cpu" else [(CPU, {})])
    assert settings.intra_op_num_threads == (1 if device == "xnnpack" else 3)
    assert getattr(settings, "enable_mem_pattern", True) == (device != "directml")


def test_tf32_is_switched_off_for_fp32_alone(fake, artifact):
    open_on(replace(artifact, precision=Precision.FP16), "cuda")
    assert fake.opened[0][1][0] == ("CUDAExecutionProvider", {})


@pytest.mark.parametrize(
    ("device", "extra", "message"),
    [
        ("cpu", {"device_id": "0"}, "not known to this runtime"),
        ("cuda", {"MLComputeUnits": "ALL"}, "not known to this runtime"),
        ("cuda", {"device_id": "first"}, "must be a number from 0, found 'first'"),
        ("coreml", {"MLComputeUnits": "GPU"}, "must be one of ALL, CPUOnly, CPUAndGPU, CPUAndNeuralEngine"),
        ("qnn", {"backend_type": "0"}, "must be one of cpu, gpu, htp"),
    ],
)
def test_options_are_checked_before_anything_is_opened(fake, artifact, device, extra, message):
    with pytest.raises(UsageError, match=message):
        open_on(artifact, device, **extra)
    assert fake.opened == []


def test_a_provider_that_is_dropped_silently_is_unavailable(fake, artifact):
    """Without CUDA's libraries the real session logs a warning and has the CPU provider alone."""
    fake.dropped = "CUDAExecutionProvider"
    with pytest.raises(RuntimeUnavailableError, match=f"does not start here; {CPU} did") as caught:
        open_on(artifact, "cuda")
    assert "CUDA" in caught.value.remedy


def test_a_provider_that_refuses_a_sound_file_is_unavailable(fake, artifact):
    fake.failing = "CoreMLExecutionProvider"
    with pytest.raises(RuntimeUnavailableError, match=r"cannot load it, the CPU can \(the driver says no"):
        open_on(artifact, "coreml")
    assert [providers[0][0] for _, providers in fake.opened] == ["CoreMLExecutionProvider", CPU]


@pytest.mark.usefixtures("fake")
def test_a_damaged_file_is_the_file_s_fault_on_every_device(artifact):
    artifact.file(".onnx").write_bytes(b"damaged")
    for device in PROVIDERS:
        with pytest.raises(ArtifactCorruptError, match="protobuf"):
            open_on(artifact, device)


def test_operators_are_counted_by_provider_from_a_session_of_its_own(fake, artifact):
    cuda = "CUDAExecutionProvider"
    fake.events = [
        {"cat": "Session", "name": "model_loading", "args": {}},
        kernel("conv", cuda, "float"),
        kernel("quantise", cuda, "uint8"),
        kernel("shape", CPU, "int64"),
        kernel("norm", CPU, "float"),
        kernel("fused", CPU),
        {"cat": "Node", "name": "conv_fence_before", "args": {"provider": cuda}},
    ]
    session = open_on(artifact, "cuda", device_id="1")
    found = session.placement()
    assert (found.wanted, found.operators, found.elsewhere) == (cuda, {cuda: 2, CPU: 2}, 2)
    (timed, first), (profiled, second) = fake.opened
    assert first == second
    assert not hasattr(timed, "enable_profiling")
    assert profiled.enable_profiling


def test_an_empty_profile_counts_nothing():
    assert count_operators([]) == {}


def test_a_build_that_is_broken_is_reported_and_not_raised(monkeypatch):
    """What is left of the module when one of two packages that share it is uninstalled."""
    monkeypatch.setitem(sys.modules, "onnxruntime", ModuleType("onnxruntime"))
    found = OnnxRuntime().probe()
    assert not found.ok
    assert found.remedy == "reinstall onnxruntime"
