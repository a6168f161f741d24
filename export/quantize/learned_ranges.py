"""Ranges of activations that training learned, on their way from the weights to the quantizer.

They lie in the provenance of weights and of fp32 ONNX, under one key, so that a quantizer needs neither torch nor
lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from inkport.core.artifact import Artifact, Calibration
from inkport.core.config import parse_config, to_plain
from inkport.core.errors import ExportError, RecipeError
from inkport.core.spec import RecogniserSpec
from inkport.export.quantize.calibration import CalibrationSet


KEY = "qat"
"""Where provenance and settings of a stage hold ``Learned``."""
LEARNED = "learned in training"
"""What an int8 artifact records about its ranges."""


@dataclass(frozen=True, kw_only=True)
class Learned:
    """Ranges that quantization-aware training ended with.

    Raises:
        ExportError: If a range is empty or does not hold 0.
    """

    ranges: Mapping[str, tuple[float, ...]]
    """Smallest and largest value by tensor: a site of training in weights, a tensor of the graph in ONNX."""
    calibration: Calibration
    """Training lines that the ranges began with."""
    recipe: str
    """SHA-256 (hex) of the training recipe."""

    def __post_init__(self) -> None:
        for name, ends in self.ranges.items():
            if len(ends) != 2 or not ends[0] <= 0 <= ends[1] or ends[0] == ends[1]:
                raise ExportError(f"learned range of {name}: expected two ends around 0, found {list(ends)}")

    @property
    def pairs(self) -> dict[str, tuple[float, float]]:
        """``ranges``, each as smallest and largest value."""
        return {name: (ends[0], ends[1]) for name, ends in self.ranges.items()}


def is_learned(artifact: Artifact) -> bool:
    """Whether an artifact brings ranges from training with it, or was quantized with such."""
    return bool(artifact.provenance.options.get(KEY))


def learned(options: Mapping[str, Any]) -> Learned | None:
    """Return the ranges in the settings of a stage, None if training learned none.

    Raises:
        ExportError: If they are malformed.
    """
    if not (found := options.get(KEY)):
        return None
    try:
        return parse_config(Learned, found, where=KEY)
    except RecipeError as error:
        raise ExportError(f"the ranges that training learned are malformed: {error.message}") from error


def learned_options(found: Learned | None) -> dict[str, Any]:
    """Return what a stage adds to its settings to hand ranges on."""
    return {} if found is None else {KEY: to_plain(found)}


def learned_calibration(found: Learned, spec: RecogniserSpec) -> CalibrationSet:
    """Return what a quantizer that insists on an image gets: a blank one, and the record of where ranges began."""
    blank = np.zeros((1, 1, spec.preprocess.height, spec.preprocess.min_width), np.float32)
    return CalibrationSet(inputs=(blank,), record=found.calibration)
