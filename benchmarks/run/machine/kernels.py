"""Large matrix products and convolutions in the libraries that may be here, as fast as each can."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from inkport.core.errors import RuntimeUnavailableError
from inkport.core.target import Precision


@dataclass(frozen=True, kw_only=True)
class Work:
    """One large operator: enough to do that starting a run is nothing, few enough bytes for the caches."""

    operator: str
    """ONNX operator."""
    input: tuple[int, ...]
    """Shape of the input, and of the output."""
    weights: tuple[int, ...]
    """Shape of the constant operand."""
    macs: int
    """Multiply-accumulates of one run."""
    attributes: Mapping[str, list[int]]
    """Attributes of the operator."""


PRODUCT = Work(operator="MatMul", input=(1024, 1024), weights=(1024, 1024), macs=1024**3, attributes={})
"""A square matrix product."""
CONVOLUTION = Work(
    operator="Conv",
    input=(1, 256, 48, 48),
    weights=(256, 256, 3, 3),
    macs=48 * 48 * 256 * 256 * 9,
    attributes={"pads": [1, 1, 1, 1]},
)
"""A convolution, which some libraries compute in int8 and bf16 far faster than a product."""


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """One operator in one library and precision."""

    precision: Precision
    """What it computes in."""
    library: str
    """Whose kernel it is."""
    work: Work
    """What it computes."""
    prepare: Callable[[Work, int], Callable[[], object]]
    """Given the work and a number of threads, returns a function that does it once; raises if it cannot."""


def _onnx_model(work: Work, *, int8: bool) -> bytes:
    """Return an ONNX model of one operator with constant weights, in the form that quantizers write for int8."""
    from onnx import TensorProto, helper, numpy_helper

    weights = np.random.default_rng(0).integers(-100, 100, size=work.weights).astype(np.int8)
    constants: dict[str, Any] = {"w": weights if int8 else weights.astype(np.float32) / 1000, "s": np.float32(0.01)}

    def operator(data: str, factor: str, out: str) -> Any:
        return helper.make_node(work.operator, [data, factor], [out], **work.attributes)

    nodes = [operator("x", "w", "y")]
    if int8:
        constants |= {"xz": np.uint8(128), "wz": np.int8(0), "ys": np.float32(1.0)}
        nodes = [
            helper.make_node("QuantizeLinear", ["x", "s", "xz"], ["xq"]),
            helper.make_node("DequantizeLinear", ["xq", "s", "xz"], ["xd"]),
            helper.make_node("DequantizeLinear", ["w", "s", "wz"], ["wd"]),
            operator("xd", "wd", "yd"),
            helper.make_node("QuantizeLinear", ["yd", "ys", "xz"], ["yq"]),
            helper.make_node("DequantizeLinear", ["yq", "ys", "xz"], ["y"]),
        ]
    graph = helper.make_graph(
        nodes,
        "kernel",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, work.input)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, work.input)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def _input(work: Work) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(1).uniform(-1, 1, size=work.input).astype(np.float32)


def _onnxruntime(work: Work, threads: int, *, int8: bool) -> Callable[[], object]:
    import onnxruntime as ort

    settings = ort.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.log_severity_level = 4
    session = ort.InferenceSession(_onnx_model(work, int8=int8), settings, providers=["CPUExecutionProvider"])
    data = {"x": _input(work)}
    return lambda: session.run(["y"], data)


def _openvino(work: Work, threads: int, *, hint: str, int8: bool) -> Callable[[], object]:
    import openvino as ov

    core = ov.Core()
    settings = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": str(threads), "NUM_STREAMS": "1"}
    compiled = core.compile_model(core.read_model(_onnx_model(work, int8=int8), b""), "CPU", settings)
    # It takes a hint that it cannot follow for another one, silently.
    if compiled.get_property("INFERENCE_PRECISION_HINT").to_string() != hint:
        raise RuntimeUnavailableError(f"openvino cannot compute in {hint} here")
    request, data = compiled.create_infer_request(), _input(work)
    return lambda: request.infer([data])


def _blas(work: Work, threads: int) -> Callable[[], object]:
    """Compute in numpy, where its BLAS is held to this number of threads: that is settled when it is loaded."""
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    held = {os.environ[name] for name in names if name in os.environ} or {str(os.cpu_count())}
    if held != {str(threads)}:
        raise RuntimeUnavailableError(f"numpy's BLAS uses {', '.join(held)} threads here, not {threads}")
    data = _input(work)
    return lambda: data @ data


KERNELS = (
    Kernel(precision=Precision.FP32, library="numpy", work=PRODUCT, prepare=_blas),
    *(
        Kernel(precision=precision, library=library, work=work, prepare=prepare)
        for work in (PRODUCT, CONVOLUTION)
        for precision, library, prepare in (
            (Precision.FP32, "onnxruntime", partial(_onnxruntime, int8=False)),
            (Precision.FP32, "openvino", partial(_openvino, hint="f32", int8=False)),
            (Precision.BF16, "openvino", partial(_openvino, hint="bf16", int8=False)),
            (Precision.INT8, "onnxruntime", partial(_onnxruntime, int8=True)),
            (Precision.INT8, "openvino", partial(_openvino, hint="f32", int8=True)),
        )
    ),
)
"""Every kernel that is tried."""
