"""Convolution and pooling over one, two or three axes, and matrix products."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


Array = npt.NDArray[Any]


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
    reach = [int(size) for size in kernel_sizes]
    steps = _per_axis(strides, reach)
    windows = _windows(_padded(x, _margins(pad_type, pad, reach, steps), -np.inf), reach, steps)
    return np.asarray(windows.max(axis=tuple(range(-len(reach), 0))))


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
    reach = [int(size) for size in kernel_sizes]
    steps = _per_axis(strides, reach)
    margins = _margins(pad_type, pad, reach, steps)
    if ceil_mode or (exclude_padding_from_average and any(map(any, margins))):
        raise ValueError("ceil_mode True and exclude_padding_from_average True are not supported")
    windows = _windows(_padded(x, margins, 0), reach, steps)
    return np.asarray(windows.mean(axis=tuple(range(-len(reach), 0)), dtype=x.dtype))


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


OPERATORS: Mapping[str, Callable[..., Any]] = {
    "conv": conv,
    "max_pool": max_pool,
    "avg_pool": avg_pool,
    "linear": linear,
    "matmul": matmul,
}
