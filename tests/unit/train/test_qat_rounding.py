from __future__ import annotations

import numpy as np
import pytest


torch = pytest.importorskip("torch", reason="training needs torch")

from inkport.train.qat_rounding import grid, round_activation, round_bias, round_weight, weight_step  # noqa: E402


RANGES = [(-1.3, 2.9), (0.0, 6.0), (-0.7, 0.05)]


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_activations_lie_where_onnx_puts_them(rng, low, high):
    reference = pytest.importorskip("onnx.reference", reason="the oracle is ONNX's reference evaluator")
    import onnx

    quantisation = pytest.importorskip(
        "onnxruntime.quantization.quant_utils", reason="the oracle is ONNX Runtime's quantizer"
    )
    zero, step = quantisation.compute_scale_zp(np.float32(low), np.float32(high), np.uint8(0), np.uint8(255))
    nodes = [
        onnx.helper.make_node("QuantizeLinear", ["x", "step", "zero"], ["q"]),
        onnx.helper.make_node("DequantizeLinear", ["q", "step", "zero"], ["y"]),
    ]
    names = [onnx.helper.make_empty_tensor_value_info(name) for name in ("x", "step", "zero")]
    graph = onnx.helper.make_graph(nodes, "g", names, [onnx.helper.make_empty_tensor_value_info("y")])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 19)])
    values = (rng.standard_normal((3, 500)) * 3).astype(np.float32)
    (wanted,) = reference.ReferenceEvaluator(model).run(None, {"x": values, "step": step, "zero": zero})

    ends = torch.tensor(low), torch.tensor(high)
    assert [float(value) for value in grid(*ends)] == [float(step), float(zero)]
    found = round_activation(torch.from_numpy(values), *ends)
    np.testing.assert_allclose(found.numpy(), wanted, rtol=0, atol=float(step) * 1e-4)
    assert len(found.unique()) > 30


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_gradients_are_those_of_rounding_that_passes_straight_through(low, high):
    torch.manual_seed(1)
    values = (torch.randn(4, 300) * 2).requires_grad_()
    ends = [torch.tensor(end, requires_grad=True) for end in (low, high)]
    weights = torch.randn(4, 300)
    (round_activation(values, *ends) * weights).sum().backward()

    # The same in the words of autograd: clipped values follow the ends, the others the width of a step.
    plain = values.detach().clone().requires_grad_()
    bottom, top = (torch.tensor(end, requires_grad=True) for end in (low, high))
    step, zero = grid(bottom.detach(), top.detach())
    scaled = plain / ((top - bottom) / 255)
    rounded = (scaled + (scaled.round() - scaled).detach()) * ((top - bottom) / 255)
    inside = torch.where(plain > (255.5 - zero) * step, top, torch.where(plain < (-zero - 0.5) * step, bottom, rounded))
    (inside * weights).sum().backward()
    scale = (values.numel() * 255) ** -0.5
    torch.testing.assert_close(values.grad, plain.grad)
    torch.testing.assert_close(ends[0].grad, bottom.grad * scale, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(ends[1].grad, top.grad * scale, rtol=1e-3, atol=1e-5)
    assert (values.grad == 0).any()


def test_weights_are_those_of_the_quantiser(rng):
    quantisation = pytest.importorskip(
        "onnxruntime.quantization.quant_utils", reason="the oracle is ONNX Runtime's quantizer"
    )
    from onnx import TensorProto

    weight = rng.standard_normal((5, 3, 3, 3)).astype(np.float32)
    weight[2] = 0
    step = weight_step(torch.from_numpy(weight))
    found = round_weight(torch.from_numpy(weight), step).numpy()
    for channel, filters in enumerate(weight):
        _, wanted, quantised = quantisation.quantize_data(filters, TensorProto.INT8, symmetric=True)
        assert float(step[channel]) == float(wanted)
        np.testing.assert_array_equal(found[channel], quantised.astype(np.float32) * wanted)


def test_biases_are_multiples_of_their_step_and_keep_their_gradient():
    bias = torch.tensor([0.12345, -3.0], requires_grad=True)
    found = round_bias(bias, torch.tensor([0.01, 0.25]))
    assert found.tolist() == pytest.approx([0.12, -3.0])
    found.sum().backward()
    assert bias.grad.tolist() == [1, 1]
