"""Whether a quantized value is as near to the exact one as its number of steps allows."""

from __future__ import annotations

import numpy as np

from inkport.benchmarks.checks.debug.graph import Array
from inkport.core.target import Precision


LEVELS = {Precision.INT8: 256, Precision.W8: 256, Precision.PAL6: 64, Precision.PAL4: 16}
"""Values that a quantized number can take."""
SLACK = 6.0
"""How many times larger than the best possible the error of a quantized activation may be.

One bit goes where signed steps cover what is never negative, and a range for all lines can be three times that of one.
"""
WEIGHT_SLACK = 3.0
"""The same for a weight, whose values are known at export: one bit goes where 8 would overflow in 16-bit sums."""
SHARES = np.linspace(1.0, 0.2, 17)
"""Shares of the whole range that the search for the best steps tries."""
MOST = 20_000
"""Most values that the search looks at, evenly spaced."""


def best_error(values: Array, levels: int) -> float:
    """Return the least root mean square error of ``levels`` even steps, 0 among them, for these values."""
    flat = np.asarray(values, dtype=np.float64).ravel()
    flat = flat[:: max(1, flat.size // MOST)]
    low, high = min(0.0, flat.min(initial=0)), max(0.0, flat.max(initial=0))
    if low == high:
        return 0.0
    errors = []
    for share in SHARES:
        step = (high - low) * share / (levels - 1)
        first, last = np.round(low * share / step), np.round(high * share / step)
        errors.append(np.mean((np.clip(np.round(flat / step), first, last) * step - flat) ** 2))
    return float(np.sqrt(min(errors)))


def activation_ratio(exact: Array, found: Array, levels: int) -> float:
    """Return the error of a quantized activation, in units of what its levels explain; above 1 is too much."""
    found = found.astype(np.float64)
    noise = float(np.finfo(np.float32).eps) * float(np.abs(exact).max(initial=0))
    error = float(np.sqrt(np.mean((found - exact) ** 2)))
    allowed = SLACK * best_error(exact, levels) + noise
    ratio = error / allowed if allowed else (float("inf") if error else 0.0)
    return max(ratio, _beside_the_steps(exact, found, noise))


def bias_ratio(exact: Array, found: Array, result: Array, levels: int) -> float:
    """Return the change of a bias, in units of the noise that quantizing brings to the result that it is added to."""
    change = float(np.abs(found.astype(np.float64) - exact).max(initial=0))
    allowed = SLACK * best_error(result, levels)
    return change / allowed if allowed else np.inf


def _beside_the_steps(exact: Array, found: Array, noise: float) -> float:
    """Return the largest error of a value that is not cut off, in half steps, the rounding of the steps allowed for."""
    steps = np.diff(np.unique(found))
    inner = (found > found.min()) & (found < found.max())
    if not inner.any() or not (steps := steps[steps > noise]).size:
        return 0.0
    # The smallest step seen may be several of the quantiser's: then this allows too much, never too little.
    return float(np.abs(found - exact)[inner].max() / (0.51 * steps.min() + 4 * noise))


def weight_ratio(exact: Array, found: Array, precision: Precision, unit: float) -> float:
    """Return the error of a stored weight, in units of what its precision explains; above 1 is too much.

    Args:
        exact: The weight.
        found: What the target stores, expanded.
        precision: The target's precision.
        unit: Unit roundoff of its floating point.
    """
    difference, peak = np.abs(found.astype(np.float64) - exact), float(np.abs(exact).max(initial=0))
    if precision not in LEVELS or not peak:
        # Folding a batch norm in subtracts numbers as large as the largest of its bias, in an order of its own.
        allowed = 2 * unit * np.abs(exact) + 8 * 2.0**-24 * peak
        return float(np.max(difference / np.where(allowed, allowed, np.finfo(np.float64).tiny), initial=0))
    half_step = peak / (LEVELS[precision] / 2 - 1) / 2
    if LEVELS[precision] == 256:
        return float(difference.max() / (WEIGHT_SLACK * half_step))
    # The values of a palette lie where weights are many; those far from all others may be off by more than a step.
    return float(np.sqrt(np.mean(difference**2)) / (WEIGHT_SLACK * half_step))
