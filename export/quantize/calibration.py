"""Which lines a quantizer sees: chosen by their ids alone, so that every run chooses the same ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.artifact import Artifact, Calibration
from inkport.core.config import parse_config, to_plain
from inkport.core.errors import ExportError, ImageError, LineDataError, RecipeError
from inkport.core.preprocess import PreprocessSpec, prepare
from inkport.core.spec import RecogniserSpec
from inkport.lines.line import Line
from inkport.lines.roles import Role, describe_lines, refuse_test_lines
from inkport.lines.source import take_turns


CALIBRATION_LINES = 64
"""How many lines a quantizer sees by default; 32 and 256 give the same errors (docs/export.md)."""


@dataclass(frozen=True, kw_only=True)
class CalibrationSet:
    """Prepared lines for a quantizer, and the record of which they are."""

    inputs: tuple[npt.NDArray[np.float32], ...]
    """Prepared images, each float32 (1, 1, h, w), widths as they come."""
    record: Calibration
    """Ids and digest, for the artifact's provenance."""
    skipped: tuple[str, ...] = ()
    """Ids of chosen lines that were passed over because their image is bad."""


def choose_calibration(
    lines: Iterable[Line],
    preprocess: PreprocessSpec,
    *,
    count: int = CALIBRATION_LINES,
    skip_bad_images: bool = False,
) -> CalibrationSet:
    """Choose and prepare calibration lines.

    The data sets take turns, in the order of their names; each gives its lines in the order of their ids'
    SHA-256. So the choice depends on neither chance nor the order of the files.

    Args:
        lines: The lines to choose from, ids unique; lines the model was trained on, never test lines.
        preprocess: The recogniser's preprocessing.
        count: How many to choose, at least 1; all if there are fewer.
        skip_bad_images: Whether to pass over lines whose image cannot be prepared instead of refusing them.

    Raises:
        LineDataError: If there is no usable line, one is of a test split, or a chosen line is a listed test line or
            has an unusable image.
    """
    if count < 1:
        raise LineDataError(f"calibration needs at least 1 line, {count} were asked for")
    chosen: list[Line] = []
    skipped: list[str] = []
    inputs: list[npt.NDArray[np.float32]] = []
    lines = refuse_test_lines(lines, purpose="calibration", listed=False)
    for line in take_turns(lines, None if skip_bad_images else count):
        if len(chosen) == count:
            break
        try:
            inputs.append(prepare(line.pixels(preprocess), preprocess))
        except ImageError as error:
            if not skip_bad_images:
                raise LineDataError(
                    f"calibration line {line.id}: {error.message}",
                    remedy="fix it, or pass --skip bad-image",
                ) from error
            skipped.append(line.id)
            continue
        chosen.append(line)
    if not chosen:
        raise LineDataError("no line to calibrate on", remedy="pass a line set with readable images")
    # Of thousands of lines a few are chosen: only these are looked up in the list, which takes decoding them.
    chosen = list(refuse_test_lines(chosen, purpose="calibration"))
    record = describe_lines(chosen, Role.CALIBRATION)
    return CalibrationSet(inputs=tuple(inputs), record=record, skipped=tuple(skipped))


KEY = "qat"
"""Where provenance and settings of a stage hold ``LearnedRanges``."""
LEARNED = "learned in training"
"""What an int8 artifact records about its ranges."""


@dataclass(frozen=True, kw_only=True)
class LearnedRanges:
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


def has_learned_ranges(artifact: Artifact) -> bool:
    """Whether an artifact brings ranges from training with it, or was quantized with such."""
    return bool(artifact.provenance.options.get(KEY))


def find_learned_ranges(options: Mapping[str, Any]) -> LearnedRanges | None:
    """Return the ranges in the settings of a stage, None if training learned none.

    Raises:
        ExportError: If they are malformed.
    """
    if not (found := options.get(KEY)):
        return None
    try:
        return parse_config(LearnedRanges, found, where=KEY)
    except RecipeError as error:
        raise ExportError(f"the ranges that training learned are malformed: {error.message}") from error


def learned_options(found: LearnedRanges | None) -> dict[str, Any]:
    """Return what a stage adds to its settings to hand ranges on."""
    return {} if found is None else {KEY: to_plain(found)}


def learned_calibration(found: LearnedRanges, spec: RecogniserSpec) -> CalibrationSet:
    """Return what a quantizer that insists on an image gets: a blank one, and the record of where ranges began."""
    blank = np.zeros((1, 1, spec.preprocess.height, spec.preprocess.min_width), np.float32)
    return CalibrationSet(inputs=(blank,), record=found.calibration)
