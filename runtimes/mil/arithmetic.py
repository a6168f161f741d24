"""MIL's operators that compute: on each element, means, norms and products, convolution, pooling, and the LSTM."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


Array = npt.NDArray[Any]

_CASTS = {"fp16": np.float32, "fp32": np.float32, "int32": np.int32, "bool": np.bool_}
"""What a cast computes in; the evaluator rounds to fp16 by the output's type."""


def cast(x: Array, dtype: str) -> Array:
    """Convert to another type; towards zero where it has no fractions."""
    if dtype not in _CASTS:
        raise ValueError(f"dtype {dtype!r} is not supported")
    return x.astype(_CASTS[dtype])


# numpy has no erf, and an approximation would have an error of its own.
_erf = np.frompyfunc(math.erf, 1, 1)


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x))."""
    positive: Array = 1 / (1 + np.exp(-x))
    return positive


def gelu(x: Array, mode: str = "EXACT") -> Array:
    """Return x * P(X <= x) for a normal X, exactly or by the approximation that ``mode`` names."""
    if mode == "EXACT":
        below = 0.5 * (1 + np.asarray(_erf(x / math.sqrt(2)), dtype=x.dtype))
    elif mode == "TANH_APPROXIMATION":
        below = 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    elif mode == "SIGMOID_APPROXIMATION":
        below = sigmoid(1.702 * x)
    else:
        raise ValueError(f"mode {mode!r} is not supported")
    return np.asarray(x * below)


def softmax(x: Array, axis: Array) -> Array:
    """Return exp(x) divided by its sum over an axis."""
    exponentials = np.exp(x - x.max(axis=int(axis), keepdims=True))
    shares: Array = exponentials / exponentials.sum(axis=int(axis), keepdims=True)
    return shares


def reduce_mean(x: Array, axes: Array | None = None, keep_dims: Array | bool = False) -> Array:
    """Return the mean over ``axes``, all of them if left out."""
    over = None if axes is None else tuple(int(axis) for axis in axes)
    return np.asarray(x.mean(axis=over, keepdims=bool(keep_dims)))


def layer_norm(
    x: Array,
    axes: Array,
    gamma: Array | None = None,
    beta: Array | None = None,
    epsilon: Array | float = 1e-5,
) -> Array:
    """Shift and scale to mean 0 and variance 1 over ``axes``, then times ``gamma`` plus ``beta``."""
    over = tuple(sorted(int(axis) % x.ndim for axis in axes))
    centred = x - x.mean(axis=over, keepdims=True)
    normal = centred / np.sqrt(np.square(centred).mean(axis=over, keepdims=True) + epsilon)
    shape = [size if axis in over else 1 for axis, size in enumerate(x.shape)]
    scaled = normal if gamma is None else normal * gamma.reshape(shape)
    moved: Array = scaled if beta is None else scaled + beta.reshape(shape)
    return moved


def sigmoid_hard(x: Array, alpha: Array | float = 0.2, beta: Array | float = 0.5) -> Array:
    """Return alpha * x + beta, within 0 .. 1."""
    return np.asarray(np.clip(x * alpha + beta, 0, 1).astype(x.dtype))


def conv(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    strides: Array | None = None,
    pad_type: str = "valid",
    pad: Array | None = None,
    dilations: Array | None = None,
    groups: Array | int = 1,
) -> Array:
    """Convolve (n, c, *sizes) with ``weight`` (outputs, c / groups, *kernel): windows as columns, one product.

    Args:
        x: The values.
        weight: The kernels.
        bias: Added to each output channel.
        strides: Steps between windows, per axis; 1 if left out.
        pad_type: ``valid``, ``custom``, ``same`` or ``same_lower``.
        pad: For ``custom``, zeros before and after each axis.
        dilations: Steps within a window, per axis; 1 if left out.
        groups: Groups of channels that do not see each other.
    """
    count = int(groups)
    kernel = weight.shape[2:]
    steps, spread = _per_axis(strides, kernel), _per_axis(dilations, kernel)
    reach = [(size - 1) * step + 1 for size, step in zip(kernel, spread, strict=True)]
    windows = _windows(_padded(x, _margins(pad_type, pad, reach, steps), 0), reach, steps)
    within: tuple[Any, ...] = (..., *(slice(None, None, step) for step in spread))
    windows = windows[within]
    sizes = windows.shape[2 : 2 + len(kernel)]
    # (n, c, *sizes, *kernel) to (n, c, *kernel, *sizes), then a matrix per line and group.
    ordered = np.moveaxis(windows, range(2, 2 + len(kernel)), range(-len(kernel), 0))
    columns = ordered.reshape(len(x), count, weight[0].size, -1)
    kernels = weight.reshape(count, len(weight) // count, -1)
    result: Array = np.matmul(kernels, columns).reshape(len(x), len(weight), *sizes)
    return result if bias is None else result + bias.reshape(-1, *(1 for _ in sizes))


def max_pool(
    x: Array,
    *,
    kernel_sizes: Array,
    strides: Array | None = None,
    pad_type: str = "valid",
    pad: Array | None = None,
    ceil_mode: Array | bool = False,
) -> Array:
    """Return the largest value of each window of (n, c, *sizes); padding never is.

    Args:
        x: The values.
        kernel_sizes: Size of a window, per axis.
        strides: Steps between windows, per axis; 1 if left out.
        pad_type: ``valid``, ``custom``, ``same`` or ``same_lower``.
        pad: For ``custom``, places before and after each axis.
        ceil_mode: Whether windows may reach over the end; not supported.
    """
    if ceil_mode:
        raise ValueError("ceil_mode True is not supported")
    windows, axes, _ = _pooled(x, kernel_sizes, strides, pad_type=pad_type, pad=pad, value=-np.inf)
    return np.asarray(windows.max(axis=axes))


def avg_pool(
    x: Array,
    *,
    kernel_sizes: Array,
    strides: Array | None = None,
    pad_type: str = "valid",
    pad: Array | None = None,
    exclude_padding_from_average: Array | bool = False,
    ceil_mode: Array | bool = False,
) -> Array:
    """Return the mean of each window of (n, c, *sizes).

    Args:
        x: The values.
        kernel_sizes: Size of a window, per axis.
        strides: Steps between windows, per axis; 1 if left out.
        pad_type: ``valid``, ``custom``, ``same`` or ``same_lower``.
        pad: For ``custom``, zeros before and after each axis.
        exclude_padding_from_average: Whether these count; not supported where there are some.
        ceil_mode: Whether windows may reach over the end; not supported.
    """
    windows, axes, padded = _pooled(x, kernel_sizes, strides, pad_type=pad_type, pad=pad, value=0)
    if ceil_mode or (exclude_padding_from_average and padded):
        raise ValueError("ceil_mode True and exclude_padding_from_average True are not supported")
    return np.asarray(windows.mean(axis=axes, dtype=x.dtype))


def _pooled(
    x: Array, kernel_sizes: Array, strides: Array | None, *, pad_type: str, pad: Array | None, value: float
) -> tuple[Array, tuple[int, ...], bool]:
    """Return the windows of a pooling, their own axes, and whether ``value`` was put around ``x``."""
    reach = [int(size) for size in kernel_sizes]
    steps = _per_axis(strides, reach)
    margins = _margins(pad_type, pad, reach, steps)
    windows = _windows(_padded(x, margins, value), reach, steps)
    return windows, tuple(range(-len(reach), 0)), any(map(any, margins))


def _per_axis(given: Array | None, like: Sequence[int]) -> list[int]:
    return [1 for _ in like] if given is None else [int(value) for value in given]


def _margins(pad_type: str, pad: Array | None, reach: Sequence[int], strides: Sequence[int]) -> list[tuple[int, int]]:
    if pad_type == "valid":
        return [(0, 0) for _ in reach]
    if pad_type == "custom" and pad is not None:
        return [(int(pad[2 * axis]), int(pad[2 * axis + 1])) for axis in range(len(reach))]
    if pad_type in {"same", "same_lower"}:
        # Elsewhere MIL's documentation gives two answers to the question which side gets the odd one.
        if any(size % 2 == 0 for size in reach) or any(step != 1 for step in strides):
            raise ValueError(f"pad_type {pad_type!r} is supported only for odd windows and stride 1")
        return [(size // 2, size // 2) for size in reach]
    raise ValueError(f"pad_type {pad_type!r} with pad {pad} is not supported")


def _padded(x: Array, margins: Sequence[tuple[int, int]], value: float) -> Array:
    return np.pad(x, ((0, 0), (0, 0), *margins), constant_values=value)


def _windows(x: Array, reach: Sequence[int], strides: Sequence[int]) -> Array:
    """Return views (n, c, *sizes, *reach) of every window."""
    axes = tuple(range(2, 2 + len(reach)))
    windows = np.lib.stride_tricks.sliding_window_view(x, tuple(reach), axis=axes)  # type: ignore[call-overload]
    view: Array = windows[(slice(None), slice(None), *(slice(None, None, step) for step in strides))]
    return view


def linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """Return x (..., d) times ``weight`` (k, d), transposed, plus ``bias`` (k,)."""
    product: Array = x @ weight.T
    return product if bias is None else np.asarray(product + bias)


def matmul(x: Array, y: Array, transpose_x: Array | bool = False, transpose_y: Array | bool = False) -> Array:
    """Return the products of the last two axes, each side transposed first if asked for."""
    left = x.swapaxes(-1, -2) if transpose_x else x
    right = y.swapaxes(-1, -2) if transpose_y else y
    return np.asarray(np.matmul(left, right))


def lstm(
    x: Array,
    initial_h: Array,
    initial_c: Array,
    *,
    weight_ih: Array,
    weight_hh: Array,
    bias: Array | None = None,
    weight_ih_back: Array | None = None,
    weight_hh_back: Array | None = None,
    bias_back: Array | None = None,
    direction: str = "forward",
    output_sequence: Array | bool = False,
    recurrent_activation: str = "sigmoid",
    cell_activation: str = "tanh",
    activation: str = "tanh",
) -> tuple[Array, Array, Array]:
    """Read a sequence (s, b, inputs) forwards, or forwards and backwards, with gates in the order i, f, o, z.

    Args:
        x: The sequence.
        initial_h: First outputs (b, directions * hidden).
        initial_c: First cell states, likewise.
        weight_ih: (4 * hidden, inputs).
        weight_hh: (4 * hidden, hidden).
        bias: (4 * hidden,).
        weight_ih_back: As ``weight_ih``, for the way back.
        weight_hh_back: As ``weight_hh``, for the way back.
        bias_back: As ``bias``, for the way back.
        direction: ``forward`` or ``bidirectional``.
        output_sequence: Whether every step is returned; otherwise the last one of each direction.
        recurrent_activation: Only ``sigmoid``.
        cell_activation: Only ``tanh``.
        activation: Only ``tanh``.

    Returns:
        Outputs (s, b, directions * hidden), s 1 without ``output_sequence``; the last outputs and the last cell
        states (b, directions * hidden).
    """
    if (recurrent_activation, cell_activation, activation) != ("sigmoid", "tanh", "tanh"):
        raise ValueError(f"activations {recurrent_activation}, {cell_activation}, {activation} are not supported")
    if direction == "forward":
        outputs, h, c = _one_way(x, initial_h, initial_c, (weight_ih, weight_hh, bias))
        return outputs if output_sequence else outputs[-1:], h, c
    if direction != "bidirectional" or weight_ih_back is None or weight_hh_back is None:
        raise ValueError(f"direction {direction!r} is not supported, or its weights are missing")
    (h, h_back), (c, c_back) = np.split(initial_h, 2, axis=1), np.split(initial_c, 2, axis=1)
    forth = _one_way(x, h, c, (weight_ih, weight_hh, bias))
    back = _one_way(x[::-1], h_back, c_back, (weight_ih_back, weight_hh_back, bias_back))
    if output_sequence:
        outputs = np.concatenate([forth[0], back[0][::-1]], axis=2)
    else:
        outputs = np.concatenate([forth[0][-1:], back[0][-1:]], axis=2)
    return outputs, np.concatenate([forth[1], back[1]], axis=1), np.concatenate([forth[2], back[2]], axis=1)


def _one_way(x: Array, h: Array, c: Array, weights: tuple[Array, Array, Array | None]) -> tuple[Array, Array, Array]:
    weight_ih, weight_hh, bias = weights
    inputs = x @ weight_ih.T + (0 if bias is None else bias)
    outputs = []
    for step in inputs:
        gate_in, gate_forget, gate_out, new = np.split(step + h @ weight_hh.T, 4, axis=1)
        c = sigmoid(gate_forget) * c + sigmoid(gate_in) * np.tanh(new)
        h = sigmoid(gate_out) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs), h, c


def _of_one(function: np.ufunc) -> Callable[[Array], Array]:
    def operator(x: Array) -> Array:
        return np.asarray(function(x))

    return operator


def _of_two(function: np.ufunc) -> Callable[[Array, Array], Array]:
    def operator(x: Array, y: Array) -> Array:
        return np.asarray(function(x, y))

    return operator


ARITHMETIC: Mapping[str, Callable[..., Any]] = {
    "cast": cast,
    "add": _of_two(np.add),
    "sub": _of_two(np.subtract),
    "mul": _of_two(np.multiply),
    "real_div": _of_two(np.true_divide),
    "minimum": _of_two(np.minimum),
    "maximum": _of_two(np.maximum),
    "pow": _of_two(np.power),
    "square": _of_one(np.square),
    "sqrt": _of_one(np.sqrt),
    "rsqrt": lambda x, epsilon=1e-12: 1 / np.sqrt(x + epsilon),
    "clip": lambda x, alpha, beta: np.asarray(np.clip(x, alpha, beta)),
    "relu": lambda x: np.asarray(np.maximum(x, x.dtype.type(0))),
    "sigmoid": sigmoid,
    "sigmoid_hard": sigmoid_hard,
    "tanh": _of_one(np.tanh),
    "exp": _of_one(np.exp),
    "log": lambda x, epsilon=1e-45: np.log(x + epsilon),
    "leaky_relu": lambda x, alpha: np.where(x < 0, x * alpha, x),
    "silu": lambda x: x * sigmoid(x),
    "gelu": gelu,
    "softmax": softmax,
    "reduce_mean": reduce_mean,
    "layer_norm": layer_norm,
    "conv": conv,
    "max_pool": max_pool,
    "avg_pool": avg_pool,
    "linear": linear,
    "matmul": matmul,
    "lstm": lstm,
}
"""Operators that compute, by MIL's name."""
