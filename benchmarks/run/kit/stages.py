"""The stages from an image file to text, in order; each has golden values in a kit."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.preprocess import PreprocessSpec, normalise, prepare, prepare_bytes, to_bytes
from inkport.lines.line import Line


Values = npt.NDArray[Any]
"""Values of a stage: float32, or uint8 where the stage is bytes."""


class Stage(StrEnum):
    """What a runner starts from, or shows."""

    IMAGE = "image"
    """The encoded file; only ever a start."""
    GRAY = "gray"
    """The decoded image (h, w): bytes, 0 black .. 255 white; with triangle-v1 float32, 0 black .. 1 white."""
    TENSOR = "tensor"
    """The prepared image (1, 1, height, w): bytes; with triangle-v1 float32, the network's input."""
    LOGITS = "logits"
    """The network's output, float32 (1, t, k)."""
    TEXT = "text"
    """What greedy decoding reads."""


ORDER = tuple(Stage)
"""From the first to the last."""
TENSORS = (Stage.GRAY, Stage.TENSOR, Stage.LOGITS)
"""The stages whose values are arrays."""


STARTS = (Stage.IMAGE, Stage.GRAY, Stage.TENSOR)
"""The stages that a runner can start from: those that every line has or that inkport computes without a network."""


def can_be_shown(start: Stage, shown: tuple[Stage, ...]) -> bool:
    """Return whether a runner can start there and show these: each once, in order, and at least logits or text."""
    places = [ORDER.index(stage) for stage in (start, *shown)]
    return start in STARTS and places == sorted(set(places)) and (Stage.LOGITS in shown or Stage.TEXT in shown)


def are_bytes(stage: Stage, spec: PreprocessSpec) -> bool:
    """Return whether the values of a stage are uint8."""
    return spec.in_bytes and stage in (Stage.GRAY, Stage.TENSOR)


def gray_stage(line: Line, spec: PreprocessSpec) -> Values:
    """Return the decoded image of a line.

    Raises:
        ImageError: If the image is damaged or too small.
    """
    return to_bytes(line.pixels()) if spec.in_bytes else line.gray()


def tensor_stage(gray: Values, spec: PreprocessSpec) -> Values:
    """Return the prepared image of what ``gray_stage`` gave.

    Raises:
        ImageError: If no line of text can be in it.
    """
    return prepare_bytes(gray, spec) if spec.in_bytes else prepare(gray, spec)


def as_gray(gray: Values) -> npt.NDArray[np.float32]:
    """Return a decoded image as float32, 0 black .. 1 white."""
    return gray.astype(np.float32) / np.float32(255) if gray.dtype == np.uint8 else gray


def as_input(tensor: Values, spec: PreprocessSpec) -> npt.NDArray[np.float32]:
    """Return the network's input of a prepared image."""
    return normalise(tensor, spec) if tensor.dtype == np.uint8 else tensor
