"""Operators of ONNX in torch: those that recognisers consist of.

Each takes its inputs in ONNX's order, its attributes, ``opset`` (the version of the operators) and ``results`` (how
many the graph takes). Sizes and indices are arrays of whole numbers, of type object where they depend on the image, so
that they stay numbers while tensors are traced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from inkport.core.errors import ExportError


Value = Any
"""A tensor, or an array of whole numbers."""


def _numbers(values: Value) -> list[Any]:
    """Return sizes or indices as a list."""
    if isinstance(values, list | tuple):
        return list(values)
    return list(np.ravel(values)) if isinstance(values, np.ndarray) else [values]


def _objects(values: Sequence[Any]) -> Value:
    """Return numbers, some of which tracing may follow, as an array that does not look into them."""
    found = np.empty(len(values), object)
    for index, value in enumerate(values):
        found[index] = value
    return found


def _kept(value: Value) -> Value:
    """Return an array of one number where numpy gives the number itself, which may be one that tracing follows."""
    if isinstance(value, np.ndarray):
        return value
    found = np.empty((), object)
    found[()] = value
    return found


def _pairs(x: Tensor, kernel: Sequence[int], options: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """Return the padding before and after each axis of a window."""
    strides = options.get("strides") or [1] * len(kernel)
    dilations = options.get("dilations") or [1] * len(kernel)
    how = options.get("auto_pad", b"NOTSET").decode()
    if how in ("NOTSET", "VALID"):
        pads = options.get("pads") or [0] * 2 * len(kernel)
        return list(zip(pads[: len(kernel)], pads[len(kernel) :], strict=True))
    pairs: list[tuple[Any, Any]] = []
    for size, k, s, d in zip(x.shape[2:], kernel, strides, dilations, strict=True):
        reach = d * (k - 1) + 1
        # With stride 1 the padding is a constant, which is easier on whoever traces this.
        total = reach - 1 if s == 1 else _at_least_0((-(-size // s) - 1) * s + reach - size)
        half = total // 2
        pairs.append((half, total - half) if how == "SAME_UPPER" else (total - half, half))
    return pairs


def _at_least_0(number: Any) -> Any:
    return torch.sym_max(number, 0) if isinstance(number, torch.SymInt) else max(number, 0)


def _padded(x: Tensor, pairs: Sequence[tuple[Any, Any]], value: float = 0.0) -> Tensor:
    if all(isinstance(end, int) and end == 0 for pair in pairs for end in pair):
        return x
    return F.pad(x, [end for pair in reversed(pairs) for end in pair], value=value)


def conv(x: Tensor, weight: Tensor, bias: Tensor | None = None, **options: Any) -> Tensor:
    """Convolve."""
    count = weight.dim() - 2
    settings = {"stride": options.get("strides") or [1] * count, "dilation": options.get("dilations") or [1] * count}
    pairs = _pairs(x, list(weight.shape[2:]), options)
    apply: Callable[..., Tensor] = {1: F.conv1d, 2: F.conv2d}[count]
    if all(isinstance(a, int) and a == b for a, b in pairs):
        return apply(x, weight, bias, padding=[a for a, _ in pairs], groups=options.get("group", 1), **settings)
    return apply(_padded(x, pairs), weight, bias, groups=options.get("group", 1), **settings)


def max_pool(x: Tensor, *, kernel_shape: list[int], **options: Any) -> Tensor:
    """Return the largest value of each window."""
    if options.get("ceil_mode"):
        raise ExportError("MaxPool with ceil_mode is not known here")
    pairs = _pairs(x, kernel_shape, options)
    stride = options.get("strides") or [1] * len(kernel_shape)
    x = _padded(x, pairs, torch.finfo(torch.float32).min)
    return F.max_pool2d(x, kernel_shape, stride, dilation=options.get("dilations") or 1)


def average_pool(x: Tensor, *, kernel_shape: list[int], **options: Any) -> Tensor:
    """Return the mean of each window."""
    pairs = _pairs(x, kernel_shape, options)
    same = all(isinstance(a, int) and a == b for a, b in pairs)
    padding = [a for a, _ in pairs]
    if options.get("ceil_mode") or not same:
        raise ExportError("AveragePool with ceil_mode or one-sided padding is not known here")
    stride = options.get("strides") or [1] * len(kernel_shape)
    counted = bool(options.get("count_include_pad"))
    return F.avg_pool2d(x, kernel_shape, stride, padding, count_include_pad=counted)


def batch_norm(x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, **options: Any) -> Tensor:
    """Normalise with known statistics."""
    return F.batch_norm(x, mean, variance, scale, bias, eps=options.get("epsilon", 1e-5))


def layer_norm(x: Tensor, scale: Tensor, bias: Tensor | None = None, **options: Any) -> Tensor:
    """Normalise over the last axes."""
    axis = options.get("axis", -1) % x.dim()
    return F.layer_norm(x, scale.shape[axis - x.dim() :], scale, bias, options.get("epsilon", 1e-5))


def gemm(a: Tensor, b: Tensor, c: Tensor | None = None, **options: Any) -> Tensor:
    """Multiply two matrices and add."""
    left = a.t() if options.get("transA") else a
    right = b.t() if options.get("transB") else b
    if (options.get("alpha", 1.0), options.get("beta", 1.0)) != (1.0, 1.0):
        raise ExportError("Gemm with factors is not known here")
    return left @ right if c is None else F.linear(left, right.t(), c)


def softmax(x: Tensor, *, log: bool = False, opset: int, **options: Any) -> Tensor:
    """Return probabilities over an axis; before opset 13 over all from there on, which here have to be one."""
    axis = options.get("axis", -1 if opset >= 13 else 1)
    if opset < 13 and axis % x.dim() != x.dim() - 1:
        raise ExportError(f"Softmax over axes {axis} and after, of opset {opset}, is not known here")
    return F.log_softmax(x, axis) if log else F.softmax(x, axis)


def _axes(given: Value) -> list[int] | None:
    """Return axes, which early opsets have as an attribute and later ones as an input."""
    return None if given is None else [int(axis) for axis in _numbers(given)]


def reduce(how: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return an operator that sums or averages over axes."""

    def reduced(x: Tensor, axes: Value = None, **options: Any) -> Tensor:
        over = _axes(axes)
        return how(x, dim=over or list(range(x.dim())), keepdim=bool(options.get("keepdims", 1)))

    return reduced


def squeeze(x: Value, axes: Value = None, **_: Any) -> Value:
    """Drop axes of size 1."""
    over = _axes(axes)
    if isinstance(x, np.ndarray):
        return _kept(x.squeeze(None if over is None else tuple(over)))
    if over is None:
        raise ExportError("Squeeze without axes depends on sizes")
    for axis in sorted((axis % x.dim() for axis in over), reverse=True):
        x = x.squeeze(axis)
    return x


def unsqueeze(x: Value, axes: Value = None, **_: Any) -> Value:
    """Insert axes of size 1."""
    over = _axes(axes) or []
    if isinstance(x, np.ndarray):
        return np.expand_dims(x, tuple(over))
    rank = x.dim() + len(over)
    for axis in sorted(axis % rank for axis in over):
        x = x.unsqueeze(axis)
    return x


def reshape(x: Tensor, shape: Value, **options: Any) -> Tensor:
    """Return the values in another shape; 0 keeps an axis, -1 is what is left."""
    sizes = _numbers(shape)
    known = [isinstance(size, int | np.integer) for size in sizes]
    kept = not options.get("allowzero")
    return x.reshape(
        [
            x.shape[axis] if kept and known[axis] and size == 0 else int(size) if known[axis] else size
            for axis, size in enumerate(sizes)
        ]
    )


def flatten(x: Tensor, *, axis: int = 1, **_: Any) -> Tensor:
    """Return a matrix."""
    return x.reshape(1, -1) if axis == 0 else x.flatten(0, axis - 1).flatten(1)


def concat(*parts: Value, axis: int, **_: Any) -> Value:
    """Join along an axis."""
    if all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate(parts, axis)
    return torch.cat(parts, axis)


def shape(x: Value, *, start: int = 0, end: int | None = None, **_: Any) -> Value:
    """Return sizes, as numbers."""
    return _objects(list(x.shape)[start:end])


def gather(x: Value, indices: Value, *, axis: int = 0, **_: Any) -> Value:
    """Return the entries that indices name."""
    if isinstance(x, np.ndarray):
        return _kept(x.take(np.asarray(indices, np.int64), axis))
    index = torch.from_numpy(np.atleast_1d(np.asarray(indices, np.int64)))
    found = x.index_select(axis, index % x.shape[axis] if (index < 0).any() else index)
    return found.squeeze(axis) if np.ndim(indices) == 0 else found


def cut(x: Value, *limits: Value, starts: Any = None, ends: Any = None, axes: Any = None, **_: Any) -> Value:
    """Return a part along some axes (Slice)."""
    first, last, over, steps = [*limits, *[None] * (4 - len(limits))] if limits else [starts, ends, axes, None]
    begin, end = _numbers(np.asarray(first)), _numbers(np.asarray(last))
    places = range(len(begin)) if over is None else [int(axis) for axis in np.ravel(over)]
    strides = [1] * len(begin) if steps is None else [int(step) for step in np.ravel(steps)]
    index = [slice(None)] * (x.ndim if isinstance(x, np.ndarray) else x.dim())
    for axis, a, b, step in zip(places, begin, end, strides, strict=True):
        if step < 1:
            raise ExportError("Slice backwards is not known here")
        # ONNX writes "to the end" as the largest number there is.
        far = isinstance(b, int | np.integer) and b > 2**30
        index[axis] = slice(int(a) if isinstance(a, np.integer) else a, None if far else b, step)
    return x[tuple(index)]


def split(x: Tensor, sizes: Value = None, *, axis: int = 0, results: int, **options: Any) -> tuple[Tensor, ...]:
    """Return parts along an axis."""
    given = options.get("split") if sizes is None else [int(size) for size in _numbers(sizes)]
    return x.split(given, axis) if given else x.chunk(results, axis)


def cast(x: Value, *, to: int, **_: Any) -> Value:
    """Change the type of numbers; floating point stays float32."""
    import onnx

    if isinstance(x, np.ndarray):
        if to == onnx.TensorProto.FLOAT:
            return torch.tensor([float(value) for value in _numbers(x)]).reshape(np.shape(x))
        return x
    return x.float() if to == onnx.TensorProto.FLOAT else x


def constant_of_shape(sizes: Value, *, value: Any = None, **_: Any) -> Value:
    """Return one value in a shape; as the state that a recurrent layer begins with it is not looked at."""
    from onnx import numpy_helper

    fill = np.zeros(1, np.float32) if value is None else numpy_helper.to_array(value)
    if fill.dtype.kind == "f":
        return torch.full([int(s) if isinstance(s, np.integer) else s for s in _numbers(sizes)], float(fill[0]))
    return np.full([int(s) for s in _numbers(sizes)], fill[0])


def pad(x: Tensor, pads: Value = None, value: Value = None, **options: Any) -> Tensor:
    """Put a constant around a tensor."""
    ends = [int(end) for end in (options["pads"] if pads is None else _numbers(pads))]
    if options.get("mode", b"constant") != b"constant":
        raise ExportError(f"Pad of mode {options['mode'].decode()} is not known here")
    fill = options.get("value", 0.0) if value is None else float(value)
    pairs = list(zip(ends[: x.dim()], ends[x.dim() :], strict=True))
    return _padded(x, pairs, fill)


def expand(x: Tensor, sizes: Value, **_: Any) -> Tensor:
    """Repeat along axes of size 1."""
    return x * torch.ones([int(s) if isinstance(s, np.integer) else s for s in _numbers(sizes)])


def clip(x: Tensor, low: Value = None, high: Value = None, **options: Any) -> Tensor:
    """Cut off."""
    ends = [options.get(key) if value is None else float(value) for key, value in (("min", low), ("max", high))]
    return x.clamp(ends[0], ends[1])


def gelu(x: Tensor, *, approximate: bytes = b"none", **_: Any) -> Tensor:
    """Return ``x`` times its share of a normal distribution."""
    return F.gelu(x, approximate=approximate.decode())


def hard_sigmoid(x: Tensor, *, alpha: float = 0.2, beta: float = 0.5, **_: Any) -> Tensor:
    """Return ``alpha * x + beta`` within 0..1."""
    # torch's own has these numbers, which Paddle writes as 0.1666667, and converters know it.
    if beta == 0.5 and abs(alpha - 1 / 6) < 1e-6:
        return F.hardsigmoid(x)
    return (alpha * x + beta).clamp(0.0, 1.0)


def binary(tensors: Callable[..., Any], numbers: Callable[..., Any]) -> Callable[..., Value]:
    """Return an operator of two tensors, or of two arrays of whole numbers."""

    def compute(a: Value, b: Value, **_: Any) -> Value:
        if isinstance(a, Tensor) and isinstance(b, np.ndarray):
            b = torch.from_numpy(np.asarray(b, np.int64))
        if isinstance(b, Tensor) and isinstance(a, np.ndarray):
            a = torch.from_numpy(np.asarray(a, np.int64))
        return tensors(a, b) if isinstance(a, Tensor) else _kept(numbers(a, b))

    return compute


def unary(function: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """Return an operator of one tensor that has no settings."""

    def compute(x: Tensor, **_: Any) -> Tensor:
        return function(x)

    return compute


OPERATORS: Mapping[str, Callable[..., Any]] = {
    "Add": binary(torch.add, np.add),
    "AveragePool": average_pool,
    "BatchNormalization": batch_norm,
    "Cast": cast,
    "Clip": clip,
    "Concat": concat,
    "ConstantOfShape": constant_of_shape,
    "Conv": conv,
    "Div": binary(torch.div, np.floor_divide),
    "Dropout": lambda x, *_, **__: x,
    "Erf": unary(torch.erf),
    "Exp": unary(torch.exp),
    "Expand": expand,
    "Flatten": flatten,
    "Gather": gather,
    "Gelu": gelu,
    "Gemm": gemm,
    "GlobalAveragePool": lambda x, **_: x.mean(dim=[2, 3], keepdim=True),
    "HardSigmoid": hard_sigmoid,
    "HardSwish": unary(F.hardswish),
    "Identity": lambda x, **_: x,
    "LayerNormalization": layer_norm,
    "LeakyRelu": lambda x, *, alpha=0.01, **_: F.leaky_relu(x, alpha),
    "LogSoftmax": lambda x, **options: softmax(x, log=True, **options),
    "MatMul": binary(torch.matmul, np.matmul),
    "MaxPool": max_pool,
    "Mul": binary(torch.mul, np.multiply),
    "Neg": unary(torch.neg),
    "Pad": pad,
    "Pow": binary(torch.pow, np.power),
    "ReduceMean": reduce(torch.mean),
    "ReduceSum": reduce(torch.sum),
    "Relu": unary(torch.relu),
    "Reshape": reshape,
    "Shape": shape,
    "Sigmoid": unary(torch.sigmoid),
    "Slice": cut,
    "Softmax": softmax,
    "Split": split,
    "Sqrt": unary(torch.sqrt),
    "Squeeze": squeeze,
    "Sub": binary(torch.sub, np.subtract),
    "Tanh": unary(torch.tanh),
    "Transpose": lambda x, *, perm, **_: x.permute(perm),
    "Unsqueeze": unsqueeze,
}
"""Every operator that is known here, by ONNX's name; recurrent layers are modules (``onnx_recurrence``)."""
