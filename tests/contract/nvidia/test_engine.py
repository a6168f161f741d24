"""Building engines and running them: what goes wrong is said, and nothing is done twice."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from inkport.core.artifact import load_artifact
from inkport.core.errors import (
    ArtifactCorruptError,
    ExportError,
    RuntimeExecutionError,
    RuntimeUnavailableError,
    SpecMismatchError,
    UnsupportedFormatError,
)
from inkport.core.preprocess import PreprocessSpec
from inkport.core.runtime import SessionOptions
from inkport.core.target import Precision
from inkport.export.from_onnx.tensorrt_engine import TIMING_CACHE, TensorRtOptions, profiles, tensorrt_from_onnx
from inkport.runtimes.golden import sample_images
from inkport.runtimes.trt import TensorRtRuntime


V11 = "11.4.0.106"
OTHER_GPU = (("NVIDIA Other", 9, 0),)


@pytest.fixture
def onnx_artifact(export_toy):
    return export_toy("onnx", Precision.FP32)


def header(artifact):
    text, _, _ = artifact.file(".engine").read_bytes().removeprefix(b"fake engine ").partition(b"\0")
    return json.loads(text)


# Building


def test_profiles_take_every_width_once():
    for spec in (PreprocessSpec(), PreprocessSpec(min_width=256, max_width=1008), PreprocessSpec(max_width=96)):
        widths = range(spec.min_width, spec.max_width + 1, spec.width_multiple)
        found = [[low for low, _, high in profiles(spec) if low <= width <= high] for width in widths]
        assert all(len(each) == 1 for each in found)
        assert all(low <= common <= high and common % 16 == 0 for low, common, high in profiles(spec))
    assert profiles(PreprocessSpec(), (512, 2048)) == ((32, 272, 512), (528, 1280, 2048))


@pytest.mark.parametrize("buckets", [(100, 2048), (512,), (16, 2048)])
def test_buckets_that_leave_widths_out_are_refused(buckets):
    with pytest.raises(ExportError, match="buckets must be multiples of 16 that end with the widest width 2048"):
        profiles(PreprocessSpec(), buckets)


@pytest.mark.parametrize("options", [{"max_batch": 0}, {"device": -1}, {"buckets": (512, 256)}])
def test_impossible_options_are_refused(options):
    with pytest.raises(ExportError):
        TensorRtOptions(**options)


@pytest.mark.parametrize(
    ("version", "precision", "flags"),
    [
        (V11, Precision.FP32, []),
        (V11, Precision.FP16, []),
        (V11, Precision.INT8, []),
        ("10.16.1.11", Precision.INT8, []),
        ("8.6.1", Precision.FP32, []),
        ("8.6.1", Precision.FP16, ["FP16"]),
        ("8.6.1", Precision.INT8, ["INT8"]),
    ],
)
def test_precision_comes_from_the_graph_and_from_flags_only_where_there_are_no_strong_types(
    make_machine, engine_of, version, precision, flags
):
    make_machine(version)
    artifact = engine_of(version, precision)
    assert (artifact.format, artifact.precision) == ("tensorrt", precision)
    # The fake starts, as TensorRT does, with TF32 on.
    assert header(artifact)["flags"] == flags
    assert artifact.provenance.options["tf32"] is False
    assert artifact.provenance.options["tensorrt"] == version
    binding = json.loads((artifact.path / "engine.json").read_text(encoding="utf-8"))
    assert binding == {"gpu": "NVIDIA Fake", "compute_capability": "8.9", "tensorrt": version}


def test_an_engine_that_computes_in_tf32_is_no_fp32_engine(make_machine, onnx_artifact, monkeypatch, tmp_path):
    machine = make_machine()
    monkeypatch.setattr(machine.tensorrt.IBuilderConfig, "clear_flag", lambda *_: None)
    with pytest.raises(ExportError, match="differ from the source"):
        tensorrt_from_onnx(onnx_artifact, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert machine.cuda.live == 0


def test_unsupported_operators_are_named_before_anything_is_built(make_machine, onnx_artifact, tmp_path):
    import onnx

    machine = make_machine()
    folder = shutil.copytree(onnx_artifact.path, tmp_path / "onnx")
    model = onnx.load(folder / "model.onnx")
    next(node for node in model.graph.node if node.op_type == "Relu").op_type = "Det"
    onnx.save(model, folder / "model.onnx")
    with pytest.raises(ExportError, match=r"does not support .*operator Det is not supported in TensorRT 10\.15"):
        tensorrt_from_onnx(replace(onnx_artifact, path=folder), tmp_path / "out")
    assert machine.cuda.calls == []


def test_what_the_parser_and_the_builder_say_is_passed_on(make_machine, onnx_artifact, monkeypatch, tmp_path):
    machine = make_machine()
    parse = machine.tensorrt.OnnxParser.parse

    def failing(self, model):
        parse(self, model)
        self._errors.append("node 7: no importer")
        return False

    monkeypatch.setattr(machine.tensorrt.OnnxParser, "parse", failing)
    with pytest.raises(ExportError, match="node 7: no importer"):
        tensorrt_from_onnx(onnx_artifact, tmp_path / "out")
    monkeypatch.setattr(machine.tensorrt.OnnxParser, "parse", parse)

    def refuses(self, *_):
        self._log.log(machine.tensorrt.ILogger.Severity.ERROR, "out of memory")
        self._log.log(machine.tensorrt.ILogger.Severity.WARNING, "chatter")

    monkeypatch.setattr(machine.tensorrt.Builder, "build_serialized_network", refuses)
    with pytest.raises(ExportError, match=r"built no engine: out of memory$"):
        tensorrt_from_onnx(onnx_artifact, tmp_path / "out")


def test_the_timing_cache_is_kept_and_that_of_another_gpu_refused(make_machine, onnx_artifact, monkeypatch, tmp_path):
    make_machine()
    cache = tmp_path / "caches" / "timing"
    monkeypatch.setenv(TIMING_CACHE, str(cache))
    artifact = tensorrt_from_onnx(onnx_artifact, tmp_path / "out")
    kept = cache.read_bytes()
    assert kept
    tensorrt_from_onnx(onnx_artifact, tmp_path / "again")
    assert cache.read_bytes() == kept
    assert str(tmp_path) not in (artifact.path / "recogniser.json").read_text(encoding="utf-8")
    make_machine(gpus=OTHER_GPU)
    with pytest.raises(ExportError, match=f"{cache}: is not a timing cache of this GPU and TensorRT"):
        tensorrt_from_onnx(onnx_artifact, tmp_path / "other")


def test_a_gpu_that_is_not_there_is_unavailable(make_machine, onnx_artifact, tmp_path):
    make_machine()
    with pytest.raises(RuntimeUnavailableError, match="there is no cuda:1, only cuda:0"):
        tensorrt_from_onnx(onnx_artifact, tmp_path / "out", options=TensorRtOptions(device=1))


# Opening


@pytest.mark.parametrize(
    ("version", "gpus", "here"),
    [
        (V11, OTHER_GPU, r"NVIDIA Other \(compute capability 9.0\) with TensorRT 11.4.0.106"),
        ("10.16.1.11", (("NVIDIA Fake", 8, 9),), r"NVIDIA Fake \(compute capability 8.9\) with TensorRT 10.16.1.11"),
    ],
)
def test_an_engine_of_another_gpu_or_version_is_refused_by_both_names(make_machine, engine_of, version, gpus, here):
    make_machine()
    artifact = engine_of(V11, Precision.FP32)
    make_machine(version, gpus)
    built = r"NVIDIA Fake \(compute capability 8.9\) with TensorRT 11.4.0.106"
    with pytest.raises(UnsupportedFormatError, match=f"built for {built}, cuda:0 here is {here}") as caught:
        TensorRtRuntime().open(artifact, device="cuda:0", options=SessionOptions())
    assert "export it again on this machine" in caught.value.remedy


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        ("inkport.runtimes.trt.has_driver", lambda: False, "no NVIDIA driver is installed"),
        ("inkport.runtimes.trt.gpu_names", lambda: (), "CUDA finds no GPU"),
        ("inkport.runtimes.trt._version", lambda: "8.5.3.1", "TensorRT is 8.5.3.1, 8.6 is the oldest that fits"),
        ("inkport.runtimes.trt.gpu_names", lambda: 1 / 0, "no GPU can be used: division by zero"),
    ],
)
def test_the_probe_says_what_is_missing(make_machine, monkeypatch, setting, value, reason):
    make_machine()
    monkeypatch.setattr(setting, value)
    found = TensorRtRuntime().probe()
    assert (found.ok, found.reason) == (False, reason)
    assert found.remedy


def test_the_probe_names_every_gpu(make_machine):
    make_machine(gpus=(("A", 8, 0), ("B", 9, 0)))
    found = TensorRtRuntime().probe()
    assert (found.ok, found.version, found.devices) == (True, V11, ("cuda:0", "cuda:1"))


# Running


@pytest.fixture
def machine(make_machine):
    return make_machine()


@pytest.fixture
def session(machine, engine_of):
    session = TensorRtRuntime().open(engine_of(V11, Precision.FP32), device="cuda:0", options=SessionOptions())
    machine.cuda.calls.clear()
    yield session
    session.close()
    assert machine.cuda.live == 0


def test_a_second_run_of_the_shape_allocates_and_selects_nothing(session, machine, toy_spec):
    images = sample_images(toy_spec.preprocess, 128, lines=2)
    session.run(images)
    assert machine.cuda.calls == ["allocate"] * 4 + ["profile", "upload", "execute", "download"]
    machine.cuda.calls.clear()
    session.run(images)
    session.run(sample_images(toy_spec.preprocess, 96, lines=2))
    assert machine.cuda.calls == ["upload", "execute", "download"] * 2


def test_more_lines_than_the_engine_takes_are_run_in_pieces(session, machine, toy_spec):
    images = sample_images(toy_spec.preprocess, 128, lines=7)
    logits = session.run(images)
    assert machine.cuda.calls.count("execute") == 3
    for index in range(7):
        np.testing.assert_allclose(logits[index], session.run(images[index : index + 1])[0], atol=1e-4)


@pytest.mark.usefixtures("machine")
def test_a_width_outside_the_profiles_is_refused_by_number(engine_of, tmp_path):
    artifact = engine_of(V11, Precision.FP32)
    folder = shutil.copytree(artifact.path, tmp_path / "narrow")
    data = (folder / "model.engine").read_bytes().removeprefix(b"fake engine ")
    text, _, model = data.partition(b"\0")
    narrow = json.loads(text)
    narrow["profiles"] = narrow["profiles"][:2]
    (folder / "model.engine").write_bytes(b"fake engine " + json.dumps(narrow).encode() + b"\0" + model)
    session = TensorRtRuntime().open(replace(artifact, path=folder), device="cuda:0", options=SessionOptions())
    with pytest.raises(RuntimeExecutionError, match=r"width 512 is in none .*, which take 32\.\.128, 144\.\.256"):
        session.run(sample_images(artifact.spec.preprocess, 512))
    with pytest.raises(SpecMismatchError, match="width 40 is not a multiple of 16"):
        session.run(np.zeros((1, 1, 48, 40), np.float32))
    session.close()


def test_too_little_memory_is_an_error_of_ours_and_leaves_nothing(session, machine, toy_spec):
    machine.cuda.free_bytes = 100
    with pytest.raises(RuntimeExecutionError, match="cudaMalloc failed with cudaErrorMemoryAllocation"):
        session.run(sample_images(toy_spec.preprocess, 128))
    machine.cuda.free_bytes = 1 << 30
    assert np.isfinite(session.run(sample_images(toy_spec.preprocess, 128))).all()


def test_what_tensorrt_refuses_is_told(session, machine, monkeypatch, toy_spec):
    def refuses(self, _):
        self._engine._log.log(machine.tensorrt.ILogger.Severity.ERROR, "enqueue: illegal address")
        return False

    monkeypatch.setattr(machine.tensorrt.IExecutionContext, "execute_async_v3", refuses)
    with pytest.raises(RuntimeExecutionError, match=r"refused images .*enqueue: illegal address"):
        session.run(sample_images(toy_spec.preprocess, 128))


@pytest.mark.usefixtures("machine")
def test_an_engine_with_other_tensors_is_refused(engine_of, tmp_path):
    artifact = engine_of(V11, Precision.FP32)
    folder = shutil.copytree(artifact.path, tmp_path / "renamed")
    data = (folder / "model.engine").read_bytes()
    assert data.count(b"logits") >= 2
    (folder / "model.engine").write_bytes(data.replace(b"logits", b"scores"))
    with pytest.raises(ArtifactCorruptError, match="expected tensors images and logits in float32, found"):
        TensorRtRuntime().open(replace(artifact, path=folder), device="cuda:0", options=SessionOptions())


@pytest.mark.usefixtures("machine")
def test_an_engine_without_its_binding_is_refused(engine_of, tmp_path):
    artifact = engine_of(V11, Precision.FP32)
    folder = shutil.copytree(artifact.path, tmp_path / "unbound")
    (folder / "engine.json").write_text('{"gpu": "x"}')
    with pytest.raises(ArtifactCorruptError, match="does not say what the engine is bound to"):
        TensorRtRuntime().open(replace(artifact, path=folder), device="cuda:0", options=SessionOptions())
    assert load_artifact(artifact.path).digest == artifact.digest
