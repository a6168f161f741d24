"""The range of an 8-bit activation that keeps the distribution of its values best."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


Array = npt.NDArray[np.float64]

LEVELS = 256
"""Values that 8 bits can take."""
THRESHOLDS = 128
"""Evenly spaced thresholds that are tried."""
ABSENT = 1e-4
"""Count of a bin that has values, but none after quantizing: the divergence would be infinite (as in MXNet)."""


def entropy_range(values: Array, counts: Array) -> tuple[float, float]:
    """Return the range, 0 included, whose quantized values have the least divergence from the values themselves.

    One threshold is chosen, and the range is what lies within it on both sides of 0: a tensor whose values are all on
    one side, as after a Relu, has all its steps there.

    Args:
        values: Centres of a histogram's bins, sorted and evenly spaced.
        counts: How many values each bin holds.

    Source:
        Migacz, *8-bit Inference with TensorRT* (GTC 2017). That 0 does not count, because every grid holds it
        exactly, is from NVIDIA's pytorch-quantization (``calib/histogram.py``): a Relu's zeros would outweigh all else.
    """
    low, high = min(0.0, float(values[0])), max(0.0, float(values[-1]))
    weights = _without_zeros(values, counts)
    reach = max(-low, high)
    thresholds = reach * np.arange(1, THRESHOLDS + 1) / THRESHOLDS
    found = [divergence(values, weights, float(threshold)) for threshold in thresholds]
    # The widest of equals: it cuts off least.
    best = float(thresholds[THRESHOLDS - 1 - int(np.argmin(found[::-1]))])
    return max(low, -best), min(high, best)


def divergence(values: Array, counts: Array, threshold: float) -> float:
    """Return the Kullback-Leibler divergence of the values quantized within ``-threshold..threshold`` from all values.

    Args:
        values: Centres of a histogram's bins, sorted and evenly spaced.
        counts: How many values each bin holds.
        threshold: Values beyond it become the nearest value within.

    Returns:
        In nats; infinity where fewer bins than levels lie within, since nothing would be rounded there.
    """
    start, end = np.searchsorted(values, [-threshold, np.nextafter(threshold, np.inf)])
    inside = counts[start:end]
    if len(inside) < LEVELS or not counts.any():
        return float("inf")
    exact = inside.copy()
    exact[0] += counts[:start].sum()
    exact[-1] += counts[end:].sum()
    there = exact > 0
    level = np.arange(len(inside)) * LEVELS // len(inside)
    mass = np.bincount(level, inside, minlength=LEVELS)
    bins = np.maximum(np.bincount(level, there, minlength=LEVELS), 1)
    found = np.where(there, (mass / bins)[level], 0.0)
    found[there & (found == 0)] = ABSENT
    p, q = exact[there] / exact.sum(), found[there] / found.sum()
    return float((p * np.log(p / q)).sum())


def _without_zeros(values: Array, counts: Array) -> Array:
    """Return the counts with the bin that holds 0 cut down to the larger of its neighbours."""
    step = (values[-1] - values[0]) / (len(values) - 1)
    place = int(np.abs(values).argmin())
    if abs(values[place]) > step:
        return counts
    neighbours = [counts[i] for i in (place - 1, place + 1) if 0 <= i < len(counts)]
    kept = counts.copy()
    kept[place] = min([counts[place], max(neighbours)])
    return kept
