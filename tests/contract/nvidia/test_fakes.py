"""The fakes are no wider than the real bindings, and take every misuse for an error."""

from __future__ import annotations

import ctypes
from inspect import isclass

import numpy as np
import pytest

from inkport.core.target import Precision


VERSIONS = ("8.6.1", "10.16.1.11", "11.4.0.106")


def public(cls):
    return {name for name in vars(cls) if not name.startswith("_")}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_name_of_the_fake_exists_in_the_real_tensorrt(make_machine, api, version):
    real = api["tensorrt"][version]
    fake = {name: value for name, value in vars(make_machine(version).tensorrt).items() if name != "__version__"}
    enums = {name for name, value in fake.items() if hasattr(value, "__members__")}
    assert enums <= real["enums"].keys()
    for name in enums:
        assert {member: int(value) for member, value in fake[name].__members__.items()} == real["enums"][name]
    classes = {name: value for name, value in fake.items() if isclass(value) and name not in enums}
    assert len(classes) >= 13
    for name, cls in classes.items():
        missing = public(cls) - set(real["classes"][name]) - {"Severity"}
        assert missing == set(), f"{name} of TensorRT {version} has no {missing}"


def test_every_name_of_the_fake_exists_in_the_real_cuda(make_machine, api):
    names = {name for name in dir(make_machine().cuda) if name.startswith("cuda")}
    assert names == set(api["cuda"])


@pytest.fixture
def opened(make_machine, engine_of):
    """An engine and what is needed to run it by hand: a context, a stream, memory."""
    machine = make_machine()
    cuda, trt = machine.cuda, machine.tensorrt
    data = engine_of("11.4.0.106", Precision.FP32).file(".engine").read_bytes()
    cuda.cudaSetDevice(0)
    runtime = trt.Runtime(trt.ILogger())
    machine.engine = runtime.deserialize_cuda_engine(data)
    machine.context = machine.engine.create_execution_context()
    machine.stream = cuda.cudaStreamCreateWithFlags(1)[1]
    machine.shape, machine.bytes = (1, 1, 48, 64), 4 * 48 * 64
    machine.images, machine.logits = (cuda.cudaMalloc(machine.bytes)[1] for _ in range(2))
    machine.host, machine.result = (cuda.cudaMallocHost(machine.bytes)[1] for _ in range(2))
    return machine


def prepare(m):
    m.context.set_optimization_profile_async(0, int(m.stream))
    m.context.set_input_shape("images", m.shape)
    m.context.set_tensor_address("images", m.images)
    m.context.set_tensor_address("logits", m.logits)


def upload(m):
    kind = m.cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
    ctypes.memset(m.host, 0, m.bytes)
    m.cuda.cudaMemcpyAsync(m.images, m.host, m.bytes, kind, m.stream)


def download(m, count):
    m.cuda.cudaMemcpyAsync(m.result, m.logits, count, m.cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost, m.stream)
    return np.frombuffer((ctypes.c_float * (count // 4)).from_address(m.result), np.float32)


def test_the_right_order_gives_logits_after_synchronisation_and_nan_before(opened):
    prepare(opened)
    upload(opened)
    assert opened.context.execute_async_v3(int(opened.stream))
    logits = download(opened, 4 * int(np.prod(tuple(opened.context.get_tensor_shape("logits")))))
    assert np.isnan(logits).all()
    opened.cuda.cudaStreamSynchronize(opened.stream)
    assert np.isfinite(logits).all()


def no_profile(m):
    m.context.set_input_shape("images", m.shape)


def no_shape(m):
    prepare(m)
    m.context.set_optimization_profile_async(1, int(m.stream))
    m.context.execute_async_v3(int(m.stream))


def no_address(m):
    m.context.set_optimization_profile_async(0, int(m.stream))
    m.context.set_input_shape("images", m.shape)
    m.context.set_tensor_address("images", m.images)
    m.context.execute_async_v3(int(m.stream))


def host_address(m):
    prepare(m)
    m.context.set_tensor_address("images", m.host)
    m.context.execute_async_v3(int(m.stream))


def freed_before_execution(m):
    prepare(m)
    m.cuda.cudaStreamSynchronize(m.stream)
    m.cuda.cudaFree(m.logits)
    m.context.execute_async_v3(int(m.stream))


def freed_in_flight(m):
    prepare(m)
    upload(m)
    m.context.execute_async_v3(int(m.stream))
    m.cuda.cudaFree(m.images)


def freed_twice(m):
    m.cuda.cudaFree(m.images)
    m.cuda.cudaFree(m.images)


def too_small(m):
    prepare(m)
    m.context.set_input_shape("images", (2, *m.shape[1:]))
    m.context.execute_async_v3(int(m.stream))


def wrong_direction(m):
    kind = m.cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
    m.cuda.cudaMemcpyAsync(m.images, m.host, m.bytes, kind, m.stream)


def dead_stream(m):
    prepare(m)
    m.cuda.cudaStreamSynchronize(m.stream)
    m.cuda.cudaStreamDestroy(m.stream)
    m.context.execute_async_v3(int(m.stream))


def busy_stream(m):
    prepare(m)
    m.cuda.cudaStreamDestroy(m.stream)


def weakly_typed(m):
    m.tensorrt.Builder(m.tensorrt.ILogger()).create_network(0)


@pytest.mark.parametrize(
    ("misuse", "message"),
    [
        (no_profile, "before a profile is selected"),
        (no_shape, "no input shape"),
        (no_address, "tensors without address: {'logits'}"),
        (host_address, "host and device memory are confused"),
        (freed_before_execution, "never allocated, or is freed"),
        (freed_in_flight, "freed with work in flight"),
        (freed_twice, "never allocated, or is freed"),
        (too_small, "do not fit"),
        (wrong_direction, "host and device memory are confused"),
        (dead_stream, "not a live stream"),
        (busy_stream, "destroyed with work in it"),
        (weakly_typed, "not strongly typed"),
    ],
)
def test_misuse_is_an_error(opened, misuse, message):
    with pytest.raises(opened.misuse, match=message):
        misuse(opened)


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.context.set_input_shape("images", np.array(m.shape)),
        lambda m: m.context.set_tensor_address("images", float(m.images)),
        lambda m: m.context.execute_async_v3(m.stream),
        lambda m: m.cuda.cudaMemcpyAsync(m.images, m.host, m.bytes, 1, m.stream),
        lambda m: m.cuda.cudaStreamSynchronize(int(m.stream)),
        lambda m: m.cuda.cudaMalloc(16.0),
        lambda m: m.tensorrt.Runtime(None),
        lambda m: m.tensorrt.OnnxParser(None, m.tensorrt.ILogger()),
    ],
    ids=["shape", "address", "stream", "kind", "handle", "size", "logger", "network"],
)
def test_arguments_of_another_kind_are_refused(opened, call):
    opened.context.set_optimization_profile_async(0, int(opened.stream))
    with pytest.raises((TypeError, opened.misuse)):
        call(opened)


@pytest.mark.parametrize("name", ["execute_async_v2", "set_binding_shape", "execute_v3"])
def test_names_of_older_interfaces_do_not_exist(opened, name):
    with pytest.raises(AttributeError):
        getattr(opened.context, name)
    with pytest.raises(AttributeError):
        opened.context.max_workspace_size = 1
