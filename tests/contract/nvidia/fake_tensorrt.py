"""TensorRT's Python API as far as inkport calls it, strict, with ONNX Runtime underneath.

Names and enumerations are the real ones of the version that is asked for (``sdk_api.json``). A call out of order, an
argument of another kind, or a tensor without shape, address or memory is an error here even where TensorRT would go on
with undefined results. With TF32 left on, it computes with TF32's mantissa.
"""

from __future__ import annotations

import ctypes
import enum
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime


API = json.loads((Path(__file__).parent / "sdk_api.json").read_text(encoding="utf-8"))
MAGIC = b"fake engine "


class PybindEnum(enum.Enum):
    def __int__(self):
        return self.value


def make_tensorrt(version, cuda, misuse):  # noqa: C901 - one class of the API after the other
    """Return the module ``tensorrt`` of a version, on a fake CUDA runtime; ``misuse`` is what misuse raises."""
    enums = {name: PybindEnum(name, members) for name, members in API["tensorrt"][version]["enums"].items() if members}
    severity = enums.pop("ILogger.Severity")
    flags, kinds, modes, types = (
        enums[name] for name in ("BuilderFlag", "NetworkDefinitionCreationFlag", "TensorIOMode", "DataType")
    )
    typed = "STRONGLY_TYPED" in kinds.__members__

    def need(value, kind, what):
        if not isinstance(value, kind) or isinstance(value, bool):
            raise TypeError(f"incompatible function arguments: {what} is {value!r}")
        return value

    class Dims:
        __slots__ = ("_shape",)

        def __init__(self, shape):
            self._shape = tuple(int(need(size, int, "size")) for size in shape)

        def __len__(self):
            return len(self._shape)

        def __getitem__(self, index):
            return self._shape[index]

    def shape_of(value):
        need(value, (tuple, list, Dims), "shape")
        return tuple(Dims(value))

    class ILogger:
        Severity = severity

        def __init__(self):
            self.ready = True

    class IHostMemory:
        __slots__ = ("_data",)

        def __init__(self, data):
            self._data = data

        def __bytes__(self):
            return self._data

    class ITimingCache:
        __slots__ = ("_data",)

        def __init__(self, data):
            self._data = data

        def serialize(self):
            return IHostMemory(self._data)

    class IOptimizationProfile:
        __slots__ = ("_shapes",)

        def __init__(self):
            self._shapes = {}

        def set_shape(self, input, min, opt, max):  # noqa: A002 - the API's names
            shapes = [shape_of(shape) for shape in (min, opt, max)]
            if not all(low <= mid <= high for low, mid, high in zip(*shapes, strict=True)):
                raise ValueError(f"inconsistent profile {shapes}")
            self._shapes[need(input, str, "input")] = shapes

    class IBuilderConfig:
        __slots__ = ("_cache", "_flags", "_profiles")

        def __init__(self):
            self._profiles, self._flags, self._cache = [], {flags.TF32}, None

        def set_flag(self, flag):
            self._flags.add(need(flag, flags, "flag"))

        def clear_flag(self, flag):
            self._flags.discard(need(flag, flags, "flag"))

        def add_optimization_profile(self, profile):
            self._profiles.append(need(profile, IOptimizationProfile, "profile"))
            return len(self._profiles) - 1

        def create_timing_cache(self, serialized_timing_cache):
            owner = repr((version, cuda.gpus[cuda.device])).encode()
            return ITimingCache(need(serialized_timing_cache, bytes, "cache") or owner)

        def set_timing_cache(self, cache, ignore_mismatch):
            self._cache = need(cache, ITimingCache, "cache")
            return ignore_mismatch or cache._data == repr((version, cuda.gpus[cuda.device])).encode()

    class INetworkDefinition:
        __slots__ = ("_model",)

        def __init__(self):
            self._model = None

    class ParserError:
        __slots__ = ("_text",)

        def __init__(self, text):
            self._text = text

        def desc(self):
            return self._text

    class OnnxParser:
        __slots__ = ("_errors", "_network")

        def __init__(self, network, logger):
            self._network, self._errors = need(network, INetworkDefinition, "network"), []
            need(logger, ILogger, "logger")

        @property
        def num_errors(self):
            return len(self._errors)

        def get_error(self, index):
            return ParserError(self._errors[index])

        def parse(self, model):
            parsed = onnx.load_from_string(need(model, bytes, "model"))
            for tensor in parsed.graph.initializer:
                if tensor.data_type == onnx.TensorProto.UINT8:
                    self._errors.append(f"{tensor.name}: asymmetric quantization is not supported")
            self._network._model = model
            return not self._errors

    class Builder:
        __slots__ = ("_log",)

        def __init__(self, logger):
            self._log = need(logger, ILogger, "logger")
            if cuda.device is None:
                raise misuse("no device is chosen")

        def create_network(self, flags=0):
            if not typed and not flags >> int(kinds.EXPLICIT_BATCH) & 1:
                raise misuse("TensorRT 8 takes ONNX with an explicit batch only")
            if typed and not flags >> int(kinds.STRONGLY_TYPED) & 1:
                raise misuse("the network is not strongly typed")
            return INetworkDefinition()

        def create_builder_config(self):
            return IBuilderConfig()

        def create_optimization_profile(self):
            return IOptimizationProfile()

        def build_serialized_network(self, network, config):
            need(config, IBuilderConfig, "config")
            if need(network, INetworkDefinition, "network")._model is None or not config._profiles:
                self._log.log(severity.ERROR, "a network with dynamic shapes needs an optimisation profile")
                return None
            profiles = [profile._shapes for profile in config._profiles]
            header = {"tf32": flags.TF32 in config._flags, "flags": sorted(flag.name for flag in config._flags)}
            return IHostMemory(MAGIC + json.dumps(header | {"profiles": profiles}).encode() + b"\0" + network._model)

    class Runtime:
        __slots__ = ("_log",)

        def __init__(self, logger):
            self._log = need(logger, ILogger, "logger")
            if cuda.device is None:
                raise misuse("no device is chosen")

        def deserialize_cuda_engine(self, serialized_engine):
            if not need(serialized_engine, bytes, "engine").startswith(MAGIC):
                self._log.log(severity.ERROR, "magic tag does not match")
                return None
            header, _, model = serialized_engine.removeprefix(MAGIC).partition(b"\0")
            return ICudaEngine(json.loads(header), model, self._log)

    class ICudaEngine:
        __slots__ = ("_header", "_io", "_log", "_session")

        def __init__(self, header, model, log):
            self._header, self._log = header, log
            self._session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
            inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
            self._io = {value.name: (value, modes.INPUT) for value in inputs}
            self._io |= {value.name: (value, modes.OUTPUT) for value in outputs}

        @property
        def num_io_tensors(self):
            return len(self._io)

        @property
        def num_optimization_profiles(self):
            return len(self._header["profiles"])

        def get_tensor_name(self, index):
            return list(self._io)[index]

        def get_tensor_mode(self, name):
            return self._io[name][1] if name in self._io else modes.NONE

        def get_tensor_dtype(self, name):
            return {"tensor(float)": types.FLOAT, "tensor(float16)": types.HALF}[self._io[name][0].type]

        def get_tensor_profile_shape(self, name, profile_index):
            return [Dims(shape) for shape in self._header["profiles"][profile_index][name]]

        def create_execution_context(self):
            return IExecutionContext(self)

    class IExecutionContext:
        __slots__ = ("_addresses", "_engine", "_profile", "_shapes")

        def __init__(self, engine):
            self._engine, self._profile, self._shapes, self._addresses = engine, None, {}, {}

        def set_optimization_profile_async(self, profile_index, stream_handle):
            cuda.enqueue(need(stream_handle, int, "stream"), lambda: None)
            self._profile, self._shapes = need(profile_index, int, "profile"), {}
            cuda.calls.append("profile")
            return profile_index < self._engine.num_optimization_profiles

        def set_input_shape(self, name, shape):
            if self._profile is None:
                raise misuse("a shape is set before a profile is selected")
            low, _, high = self._engine._header["profiles"][self._profile][name]
            if not all(a <= size <= b for a, size, b in zip(low, shape_of(shape), high, strict=True)):
                self._engine._log.log(severity.ERROR, f"shape {shape} is outside the profile")
                return False
            self._shapes = {need(name, str, "name"): shape_of(shape)}
            return True

        def get_tensor_shape(self, name):
            if name in self._shapes:
                return Dims(self._shapes[name])
            value = self._engine._io[name][0]
            if not self._shapes:
                return Dims([size if isinstance(size, int) else -1 for size in value.shape])
            (images,) = (np.zeros(shape, np.float32) for shape in self._shapes.values())
            return Dims(self._engine._session.run([name], dict.fromkeys(self._shapes, images))[0].shape)

        def set_tensor_address(self, name, memory):
            if name not in self._engine._io:
                return False
            self._addresses[name] = need(memory, int, "memory")
            return True

        def execute_async_v3(self, stream_handle):
            if missing := set(self._engine._io) - set(self._addresses):
                raise misuse(f"tensors without address: {missing}")
            if not self._shapes:
                raise misuse("no input shape is set")
            (name, shape), *_ = self._shapes.items()
            (output,) = (o.name for o in self._engine._session.get_outputs())
            addresses, count = dict(self._addresses), 4 * int(np.prod(shape))
            wanted = 4 * int(np.prod(tuple(self.get_tensor_shape(output))))
            cuda.block(addresses[name], count, host=False)
            cuda.block(addresses[output], wanted, host=False)

            def kernel():
                raw = ctypes.string_at(cuda.block(addresses[name], count, host=False), count)
                images = np.frombuffer(raw, np.float32).reshape(shape)
                logits = self._engine._session.run([output], {name: images})[0]
                if self._engine._header["tf32"]:
                    # TF32 keeps 10 of 23 bits of mantissa.
                    logits = (logits.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)
                data = np.ascontiguousarray(logits).tobytes()
                ctypes.memmove(cuda.block(addresses[output], len(data), host=False), data, len(data))

            cuda.enqueue(need(stream_handle, int, "stream"), kernel)
            cuda.calls.append("execute")
            return True

    classes = (
        Builder, Dims, IBuilderConfig, ICudaEngine, IExecutionContext, IHostMemory, ILogger, INetworkDefinition,
        IOptimizationProfile, ITimingCache, OnnxParser, ParserError, Runtime,
    )  # fmt: skip
    return SimpleNamespace(__version__=version, **enums, **{cls.__name__: cls for cls in classes})
