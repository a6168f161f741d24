"""Each operator against torch on random inputs, edge attributes included, and the attributes that are refused."""

from __future__ import annotations

import numpy as np
import pytest


pytest.importorskip("torch", reason="the oracle is torch")

import torch
from torch.nn import functional

from inkport.runtimes.mil.operators import OPERATORS


def same(found, expected, tolerance=1e-5):
    expected = np.asarray(expected)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def tensor(array):
    return torch.from_numpy(np.ascontiguousarray(array))


def normal(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


def ints(*values):
    return np.array(values, dtype=np.int32)


@pytest.mark.parametrize(
    ("name", "oracle"),
    [
        ("relu", torch.relu),
        ("sigmoid", torch.sigmoid),
        ("sigmoid_hard", lambda x: (0.2 * x + 0.5).clamp(0, 1)),
        ("tanh", torch.tanh),
        ("silu", functional.silu),
        ("gelu", functional.gelu),
        ("square", torch.square),
    ],
)
def test_functions_of_one_value(rng, name, oracle):
    # Far out too, where exp overflows.
    x = np.concatenate([normal(rng, 500) * 4, np.float32([-200, -30, 0, 30, 200])])
    with np.errstate(over="ignore"):
        same(OPERATORS[name](x), oracle(tensor(x)))


def test_functions_with_a_setting_and_powers(rng):
    x, y = normal(rng, 300), rng.uniform(0.5, 2, 300).astype(np.float32)
    same(OPERATORS["clip"](x, np.float32(-0.5), np.float32(1)), tensor(x).clamp(-0.5, 1))
    same(OPERATORS["leaky_relu"](x, np.float32(0.1)), functional.leaky_relu(tensor(x), 0.1))
    same(OPERATORS["pow"](y, x), torch.pow(tensor(y), tensor(x)))
    same(OPERATORS["exp"](x), tensor(x).exp())
    same(OPERATORS["log"](y), tensor(y).log())


def test_gelu_by_tanh_and_by_sigmoid(rng):
    x = normal(rng, 300) * 3
    same(OPERATORS["gelu"](x, mode="TANH_APPROXIMATION"), functional.gelu(tensor(x), approximate="tanh"))
    same(OPERATORS["gelu"](x, mode="SIGMOID_APPROXIMATION"), tensor(x) * torch.sigmoid(1.702 * tensor(x)))


def test_roots(rng):
    x = np.abs(normal(rng, 50)) + 0.1
    same(OPERATORS["sqrt"](x), torch.sqrt(tensor(x)))
    same(OPERATORS["rsqrt"](x), torch.rsqrt(tensor(x)))
    same(OPERATORS["rsqrt"](x, epsilon=np.float32(0.5)), torch.rsqrt(tensor(x) + 0.5))


@pytest.mark.parametrize("shapes", [((2, 3, 4), (2, 3, 4)), ((2, 3, 4), (4,)), ((2, 1, 4), (3, 1)), ((3,), ())])
@pytest.mark.parametrize(
    ("name", "oracle"),
    [
        ("add", torch.add),
        ("sub", torch.sub),
        ("mul", torch.mul),
        ("real_div", torch.div),
        ("minimum", torch.minimum),
        ("maximum", torch.maximum),
    ],
)
def test_arithmetic_broadcasts(rng, name, oracle, shapes):
    x, y = (np.asarray(normal(rng, *shape)) for shape in shapes)
    same(OPERATORS[name](x, y), oracle(tensor(x).reshape(shapes[0]), tensor(y).reshape(shapes[1])))


@pytest.mark.parametrize(("dtype", "kind"), [("fp32", torch.float32), ("int32", torch.int32), ("bool", torch.bool)])
def test_casts(dtype, kind):
    x = np.float32([-2.7, -0.5, 0, 0.5, 2.7])
    found = OPERATORS["cast"](x, dtype=dtype)
    same(found, tensor(x).to(kind).numpy())
    assert found.dtype == tensor(x).to(kind).numpy().dtype


@pytest.mark.parametrize("axis", [-1, 0, 1, -2])
def test_softmax_along_any_axis(rng, axis):
    x = normal(rng, 3, 4, 5) * 50
    same(OPERATORS["softmax"](x, axis=np.int32(axis)), torch.softmax(tensor(x), dim=axis))


@pytest.mark.parametrize("axes", [(1,), (-1,), (1, 2), (-3, -1), None])
@pytest.mark.parametrize("keep", [True, False])
def test_means(rng, axes, keep):
    x = normal(rng, 2, 3, 4)
    found = OPERATORS["reduce_mean"](x, axes=None if axes is None else ints(*axes), keep_dims=np.bool_(keep))
    same(found, tensor(x).mean(dim=axes if axes is not None else (0, 1, 2), keepdim=keep))


@pytest.mark.parametrize("axes", [(-1,), (2,), (1, 2), (-2, -1)])
def test_layer_norm_over_the_last_axes(rng, axes):
    x, sizes = normal(rng, 2, 3, 4), [(2, 3, 4)[axis] for axis in axes]
    gamma, beta = normal(rng, *sizes), normal(rng, *sizes)
    expected = functional.layer_norm(tensor(x), sizes, tensor(gamma), tensor(beta), eps=0.1)
    same(OPERATORS["layer_norm"](x, axes=ints(*axes), gamma=gamma, beta=beta, epsilon=np.float32(0.1)), expected)
    same(OPERATORS["layer_norm"](x, axes=ints(*axes)), functional.layer_norm(tensor(x), sizes))


def test_layer_norm_over_a_middle_axis(rng):
    x, gamma = normal(rng, 2, 3, 4), normal(rng, 3)
    moved = functional.layer_norm(tensor(x).transpose(1, 2), [3], tensor(gamma)).transpose(1, 2)
    same(OPERATORS["layer_norm"](x, axes=ints(1), gamma=gamma), moved)


def test_linear(rng):
    x, weight, bias = normal(rng, 2, 5, 3), normal(rng, 4, 3), normal(rng, 4)
    same(OPERATORS["linear"](x, weight, bias), functional.linear(tensor(x), tensor(weight), tensor(bias)))
    same(OPERATORS["linear"](x, weight), functional.linear(tensor(x), tensor(weight)))


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("right", [False, True])
def test_matmul_of_batches(rng, left, right):
    x = normal(rng, 2, 1, *((5, 4) if left else (4, 5)))
    y = normal(rng, 3, *((6, 5) if right else (5, 6)))
    a = tensor(x).transpose(-1, -2) if left else tensor(x)
    b = tensor(y).transpose(-1, -2) if right else tensor(y)
    same(OPERATORS["matmul"](x, y, transpose_x=np.bool_(left), transpose_y=np.bool_(right)), torch.matmul(a, b))


@pytest.mark.parametrize(
    ("stride", "pad", "dilation", "groups"),
    [
        ((1, 1), (0, 0, 0, 0), (1, 1), 1),
        ((2, 1), (1, 1, 1, 1), (1, 1), 1),
        ((2, 2), (1, 0, 0, 2), (1, 1), 2),
        ((1, 2), (2, 2, 2, 2), (2, 1), 1),
        ((1, 1), (3, 1, 0, 2), (2, 3), 4),
    ],
)
def test_conv_of_two_axes(rng, stride, pad, dilation, groups):
    x, weight, bias = normal(rng, 2, 4, 11, 13), normal(rng, 8, 4 // groups, 3, 2), normal(rng, 8)
    top, bottom, left, right = pad
    padded = functional.pad(tensor(x), (left, right, top, bottom))
    expected = functional.conv2d(padded, tensor(weight), tensor(bias), stride, 0, dilation, groups)
    found = OPERATORS["conv"](
        x,
        weight,
        bias,
        strides=ints(*stride),
        pad_type="custom",
        pad=ints(*pad),
        dilations=ints(*dilation),
        groups=np.int32(groups),
    )
    same(found, expected, 1e-4)


@pytest.mark.parametrize("groups", [1, 3, 6])
def test_conv_of_one_axis_without_bias(rng, groups):
    x, weight = normal(rng, 1, 6, 17), normal(rng, 6, 6 // groups, 7)
    expected = functional.conv1d(tensor(x), tensor(weight), stride=2, padding=3, groups=groups)
    given = {"strides": ints(2), "pad_type": "custom", "pad": ints(3, 3), "groups": np.int32(groups)}
    same(OPERATORS["conv"](x, weight, **given), expected, 1e-4)


@pytest.mark.parametrize(("pad_type", "padding"), [("valid", "valid"), ("same", "same"), ("same_lower", "same")])
def test_conv_pads_by_name(rng, pad_type, padding):
    x, weight = normal(rng, 2, 3, 8, 9), normal(rng, 4, 3, 3, 5)
    expected = functional.conv2d(tensor(x), tensor(weight), padding=padding, dilation=(2, 1))
    same(OPERATORS["conv"](x, weight, pad_type=pad_type, dilations=ints(2, 1)), expected, 1e-4)


@pytest.mark.parametrize(("size", "stride", "pad"), [((2, 2), (2, 2), 0), ((3, 3), (2, 1), 1), ((4, 1), (1, 1), 0)])
def test_max_pool(rng, size, stride, pad):
    # All below zero, so that padding with zeros would win.
    x = -np.abs(normal(rng, 2, 3, 9, 10)) - 1
    padding = (pad, pad) if size[1] > 1 else (0, 0)
    expected = functional.max_pool2d(tensor(x), size, stride, padding)
    found = OPERATORS["max_pool"](
        x, kernel_sizes=ints(*size), strides=ints(*stride), pad_type="custom", pad=ints(*np.repeat(padding, 2))
    )
    same(found, expected)


@pytest.mark.parametrize(("size", "stride", "pad"), [((3, 1), (3, 1), 0), ((3, 3), (2, 1), 1)])
def test_avg_pool(rng, size, stride, pad):
    x = normal(rng, 2, 3, 9, 10)
    expected = functional.avg_pool2d(tensor(x), size, stride, pad)
    found = OPERATORS["avg_pool"](
        x, kernel_sizes=ints(*size), strides=ints(*stride), pad_type="custom", pad=ints(*[pad] * 4)
    )
    same(found, expected)


def test_pad(rng):
    x = normal(rng, 2, 3, 4)
    same(OPERATORS["pad"](x, ints(0, 1, 2, 3), constant_val=0.5), functional.pad(tensor(x), (2, 3, 0, 1), value=0.5))


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("sequence", [False, True])
def test_lstm(rng, both, sequence):
    inputs, hidden = 5, 3
    oracle = torch.nn.LSTM(inputs, hidden, bidirectional=both)
    x, h, c = normal(rng, 6, 2, inputs), normal(rng, 2, (1 + both) * hidden), normal(rng, 2, (1 + both) * hidden)

    def weights(suffix):
        # Torch has input, forget, cell, output; MIL input, forget, output, cell.
        found = {}
        for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            i, f, z, o = np.split(getattr(oracle, f"{kind}_l0{suffix}").detach().numpy(), 4)
            found[kind] = np.concatenate([i, f, o, z])
        return found["weight_ih"], found["weight_hh"], found["bias_ih"] + found["bias_hh"]

    names = ("weight_ih", "weight_hh", "bias")
    given = dict(zip(names, weights(""), strict=True))
    if both:
        given |= dict(zip((f"{name}_back" for name in names), weights("_reverse"), strict=True))
        given["direction"] = "bidirectional"

    def states(array):
        return tensor(np.stack(np.split(array, 1 + both, axis=1)))

    outputs, last, cells = OPERATORS["lstm"](x, h, c, output_sequence=np.bool_(sequence), **given)
    with torch.no_grad():
        every, (ends, cell_ends) = oracle(tensor(x), (states(h), states(c)))
    joined = np.concatenate(list(ends), axis=1)
    same(last, joined)
    same(cells, np.concatenate(list(cell_ends), axis=1))
    same(outputs, every if sequence else joined[None])


def test_shapes_and_orders(rng):
    x = normal(rng, 2, 1, 3, 4)
    same(OPERATORS["reshape"](x, shape=ints(3, -1, 2)), tensor(x).reshape(3, -1, 2))
    same(OPERATORS["transpose"](x, perm=ints(0, 3, 1, 2)), tensor(x).permute(0, 3, 1, 2))
    same(OPERATORS["transpose"](x, perm=ints(0, 1, -1, -2)), tensor(x).transpose(-1, -2))
    same(OPERATORS["squeeze"](x, axes=ints(-3)), tensor(x).squeeze(-3))
    same(OPERATORS["squeeze"](x), tensor(x).squeeze())
    same(OPERATORS["expand_dims"](x, axes=ints(0, -1)), tensor(x).unsqueeze(0).unsqueeze(-1))
    assert OPERATORS["shape"](x).tolist() == [2, 1, 3, 4]
    assert OPERATORS["shape"](x).dtype == np.int32


@pytest.mark.parametrize("axis", [0, 2, -1])
def test_concat(rng, axis):
    shape = [2, 3, 4]
    shape[axis] = 5
    x, y = normal(rng, 2, 3, 4), normal(rng, *shape)
    same(OPERATORS["concat"]((x, y), axis=np.int32(axis)), torch.cat([tensor(x), tensor(y)], dim=axis))
    assert OPERATORS["concat"]((np.int32(7), np.int32(2)), axis=np.int32(0)).tolist() == [7, 2]


def test_slices(rng):
    x, run, no = normal(rng, 4, 6, 5), OPERATORS["slice_by_index"], [False] * 3
    same(run(x, ints(1, -3, 0), ints(3, 6, 4)), tensor(x)[1:3, -3:6, 0:4])
    same(run(x, ints(0, 1, 0), ints(4, 6, 5), stride=ints(2, 3, 1)), tensor(x)[::2, 1:6:3])
    masks = {"begin_mask": np.array([True, False, False]), "end_mask": np.array([False, True, True])}
    same(run(x, ints(2, 2, 1), ints(3, 0, 0), **masks), tensor(x)[:3, 2:, 1:])
    same(run(x, ints(0, -1, 0), ints(4, 0, 5), squeeze_mask=np.array([False, True, False])), tensor(x)[:, -1])
    whole = {"begin_mask": np.array([True] * 3), "end_mask": np.array([True] * 3)}
    back = run(x, ints(0, 0, 0), ints(0, 0, 0), stride=ints(-1, 1, 1), squeeze_mask=np.array(no), **whole)
    same(back, tensor(x).flip(0))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_gather(rng, axis):
    x, indices = normal(rng, 4, 5, 6), np.array([[0, 3], [-1, 2]], dtype=np.int32)
    expected = tensor(x).index_select(axis, torch.tensor([0, 3, x.shape[axis] - 1, 2]))
    shape = (*x.shape[: axis % 3], 2, 2, *x.shape[axis % 3 + 1 :])
    same(OPERATORS["gather"](x, indices, axis=np.int32(axis)), expected.reshape(shape))


def test_ranges():
    found = OPERATORS["range_1d"](end=np.int32(9), start=np.int32(1), step=np.int32(3))
    assert (found.tolist(), found.dtype) == (torch.arange(1, 9, 3).tolist(), np.int32)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("vector", [False, True])
def test_affine_weights(rng, axis, vector):
    codes = rng.integers(-128, 128, (4, 3, 5), dtype=np.int8)
    size = codes.shape[axis] if vector else 1
    scale, zero = rng.random(size).astype(np.float32) + 0.01, rng.integers(-9, 9, size).astype(np.int8)
    shape = [1] * 3
    if vector:
        shape[axis] = size
    else:
        scale, zero = scale.reshape(()), zero.reshape(())
    expected = (tensor(codes).float() - tensor(zero).float().reshape(shape)) * tensor(scale).reshape(shape)
    found = OPERATORS["constexpr_affine_dequantize"](codes, zero, scale, np.int32(axis))
    same(found, expected)


@pytest.mark.parametrize("bits", [1, 2, 4, 6, 8])
def test_palettes(rng, bits):
    shape = (3, 5, 7)
    palette, places = normal(rng, 1 << bits), rng.integers(0, 1 << bits, shape)
    # Packed one by one into one long integer, as the operator's documentation draws it.
    packed = sum(int(place) << (bits * index) for index, place in enumerate(places.ravel()))
    codes = np.frombuffer(packed.to_bytes(-(-bits * places.size // 8), "little"), dtype=np.uint8)
    found = OPERATORS["constexpr_lut_to_dense"](codes, palette, np.array(shape, dtype=np.uint32))
    same(found, torch.take(tensor(palette), tensor(places)))


X = np.zeros((1, 2, 4, 4), dtype=np.float32)
W = np.zeros((2, 2, 3, 3), dtype=np.float32)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("gelu", {"x": X, "mode": "ROUGH"}, "mode 'ROUGH'"),
        ("cast", {"x": X, "dtype": "int4"}, "dtype 'int4'"),
        ("concat", {"values": (X, X), "axis": np.int32(0), "interleave": np.True_}, "interleave True"),
        ("gather", {"x": X, "indices": ints(0), "batch_dims": np.int32(1)}, "batch_dims 1"),
        ("reshape", {"x": X, "shape": ints(0, -1)}, r"shape \[0, -1\]"),
        ("conv", {"x": X, "weight": W, "pad_type": "mirror"}, "pad_type 'mirror'"),
        ("conv", {"x": X, "weight": W, "pad_type": "custom"}, "pad_type 'custom' with pad None"),
        ("conv", {"x": X, "weight": W, "pad_type": "same", "strides": ints(2, 2)}, "odd windows and stride 1"),
        ("max_pool", {"x": X, "kernel_sizes": ints(2, 2), "ceil_mode": np.True_}, "ceil_mode True"),
        ("avg_pool", {"x": X, "kernel_sizes": ints(2, 2), "ceil_mode": np.True_}, "ceil_mode True"),
        ("pad", {"x": X, "pad": ints(1, 1), "mode": "reflect"}, "mode 'reflect'"),
    ],
)
def test_an_attribute_value_that_is_not_supported_is_named(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        OPERATORS[name](**arguments)


def test_an_lstm_of_another_kind_is_refused():
    x, h, w, r = (np.zeros(shape, dtype=np.float32) for shape in ((2, 1, 3), (1, 2), (8, 3), (8, 2)))
    with pytest.raises(ValueError, match="activations relu, tanh, tanh"):
        OPERATORS["lstm"](x, h, h, weight_ih=w, weight_hh=r, recurrent_activation="relu")
    with pytest.raises(ValueError, match="direction 'reverse'"):
        OPERATORS["lstm"](x, h, h, weight_ih=w, weight_hh=r, direction="reverse")
