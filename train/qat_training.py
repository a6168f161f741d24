"""How quantisation-aware training joins the training loop; every function leaves a training without ``[qat]`` alone."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch

from inkport.core.config import to_plain
from inkport.core.preprocess import prepare
from inkport.lines.line import Line
from inkport.lines.roles import Role, describe_lines
from inkport.model.recogniser import Recogniser
from inkport.train.prepare import Prepared
from inkport.train.qat import FakeQuantized
from inkport.train.recipe import Recipe


def fake_quantized(network: Recogniser, recipe: Recipe, data: Prepared | None = None) -> Recogniser:
    """Return a network that computes in int8, or the network itself if the recipe has no ``[qat]``.

    Args:
        network: The network, on its device.
        recipe: The recipe.
        data: Lines whose ranges it begins with; without, ranges are to be loaded.
    """
    if recipe.qat is None:
        return network
    device = next(network.parameters()).device
    quantised = FakeQuantized(network, recipe.qat, recipe.preprocess).to(device)
    if data is not None:
        chosen = calibration_lines(data.train.lines, recipe.qat.calibration_lines)
        prepared = (prepare(line.gray(), recipe.preprocess) for line in chosen)
        quantised.measure(torch.from_numpy(image).to(device) for image in prepared)
    return quantised


def plain(network: Recogniser) -> Recogniser:
    """Return the network that owns the weights."""
    return network.network if isinstance(network, FakeQuantized) else network


def advance(network: Recogniser, share: float) -> None:
    """Bring a network in training mode into the state after ``share`` (0..1) of the steps."""
    if isinstance(network, FakeQuantized):
        network.at(share)


def learned(network: Recogniser, recipe: Recipe, data: Prepared) -> dict[str, Any]:
    """Return what the weights record, for the exporter: ``inkport.export.quantize.learned_ranges.Learned``."""
    if not isinstance(network, FakeQuantized):
        return {}
    chosen = calibration_lines(data.train.lines, network.recipe.calibration_lines)
    calibration = describe_lines(chosen, Role.CALIBRATION)
    return {"qat": {"ranges": network.ranges(), "calibration": to_plain(calibration), "recipe": recipe.digest}}


def calibration_lines(lines: Iterable[Line], count: int) -> list[Line]:
    """Choose training lines by their ids alone: data sets take turns, each in the order of its ids' SHA-256.

    A line that is there several times, to weigh more in training, counts once, whatever its copies are called.
    """
    once: dict[str, Line] = {}
    for line in lines:
        once.setdefault(line.content, line)
    sets: dict[str, list[Line]] = defaultdict(list)
    for line in once.values():
        sets[line.dataset].append(line)
    ranked = [
        (turn, name, line)
        for name, some in sets.items()
        for turn, line in enumerate(sorted(some, key=lambda line: hashlib.sha256(line.id.encode()).hexdigest()))
    ]
    return [line for _, _, line in sorted(ranked, key=lambda item: item[:2])[:count]]
