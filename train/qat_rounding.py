"""Rounding to 8 bits as the exported graph does it, with gradients for weights, activations and ranges."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


ACTIVATION_STEPS = 255
"""Steps of an unsigned 8-bit activation."""
WEIGHT_LIMIT = 127
"""Largest magnitude of a signed 8-bit weight; symmetric, so that -128 stays unused."""


def grid(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Return step (float32) and zero point (int32) of ranges, computed as ONNX Runtime's quantizer does.

    Args:
        low: Smallest values to represent, float32, at most 0.
        high: Largest values to represent, float32, of the same shape, at least 0, above ``low``.
    """
    step = (high.double() - low.double()) / ACTIVATION_STEPS
    return step.float(), torch.round(-low.double() / step).int()


def round_activation(values: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Return ``values`` on the 256 points of a range, and clipped to it.

    Args:
        values: Any shape, floating point; rounded in float32.
        low: Smallest value to represent, float32 scalar, at most 0; 0 is then exactly the zero point.
        high: Largest value to represent, float32 scalar.
    """
    rounded: Tensor = _RoundActivation.apply(values.float(), low, high)  # type: ignore[no-untyped-call]
    return rounded


class _RoundActivation(torch.autograd.Function):
    """Straight-through in ``values``; in the ends of the range, the gradient of the step and of clipping.

    Source: Esser et al., *Learned Step Size Quantization* (ICLR 2020), for the gradient of the step and its scale
    1 / sqrt(n * steps); Bhalgat et al., *LSQ+* (CVPR workshops 2020), for ranges that do not begin at 0.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, low: Tensor, high: Tensor) -> Tensor:
        step, zero = grid(low, high)
        rounded = torch.fake_quantize_per_tensor_affine(values, step, zero, 0, ACTIVATION_STEPS)
        ctx.save_for_backward(values, rounded, step, zero)
        return rounded

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        values, rounded, step, zero = ctx.saved_tensors
        above = values > (ACTIVATION_STEPS - zero + 0.5) * step
        below = values < (-zero - 0.5) * step
        inside = gradient * ~(above | below)
        scale = (values.numel() * ACTIVATION_STEPS) ** -0.5
        stretch = (inside * (rounded - values)).sum() / (step * ACTIVATION_STEPS)
        of_high = ((gradient * above).sum() + stretch) * scale
        of_low = ((gradient * below).sum() - stretch) * scale
        return inside, of_low, of_high


def weight_step(weight: Tensor) -> Tensor:
    """Return the step of each output channel, float32 (outputs,), from its largest magnitude.

    Args:
        weight: (outputs, ...), as deployed: batch norm folded in.
    """
    largest = weight.detach().abs().flatten(1).amax(1)
    # A channel of zeros keeps them with any step; ONNX Runtime's quantiser takes 1 too.
    return torch.where(largest > 0, largest.double() / WEIGHT_LIMIT, 1.0).float()


def round_weight(weight: Tensor, step: Tensor) -> Tensor:
    """Return a weight on the points of signed 8 bits per output channel; gradients pass straight through.

    Args:
        weight: (outputs, ...), batch norm folded in.
        step: From ``weight_step``.
    """
    zero = torch.zeros(len(step), dtype=torch.int32, device=step.device)
    rounded: Tensor = torch.fake_quantize_per_channel_affine(weight, step, zero, 0, -WEIGHT_LIMIT - 1, WEIGHT_LIMIT)
    return rounded


def round_bias(bias: Tensor, step: Tensor) -> Tensor:
    """Return a convolution's bias on the points of its int32 form; gradients pass straight through.

    Args:
        bias: (outputs,), batch norm folded in.
        step: Product of the steps of input and weight, (outputs,).
    """
    return bias + (torch.round(bias.detach() / step) * step - bias.detach())
