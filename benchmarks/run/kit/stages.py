"""The stages from an image file to text, in order; each has golden values in a kit."""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """What a runner starts from, or shows."""

    IMAGE = "image"
    """The encoded file; only ever a start."""
    GRAY = "gray"
    """The decoded image, float32 (h, w), 0 black .. 1 white."""
    TENSOR = "tensor"
    """The prepared image, float32 (1, 1, height, w)."""
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
