"""What an application's graph takes and returns, and which recognisers it can be made of."""

from __future__ import annotations

from inkport.core.artifact import Artifact
from inkport.core.errors import SpecError
from inkport.core.preprocess import MIN_SIDE_PX, PreprocessSpec
from inkport.core.triangle import MOST_SAMPLES


IMAGE = "image"
"""Input: uint8 (h, w, 1) gray or (h, w, 3) red, green and blue; upright, 0 black .. 255 white."""
CODE_POINTS = "code_points"
"""Output: int32 (s), the Unicode code point of each symbol, in reading order."""
CONFIDENCES = "confidences"
"""Output: float32 (s), of each symbol the largest softmax probability of its label over its frames."""
FRAMES = "frames"
"""Output: int32 (s, 2), first and last frame of each symbol, the last included."""
TENSOR = "tensor"
"""Output: uint8 (1, 1, height, w), the tensor stage: what the network takes before it is normalised."""
FAULT = "fault"
"""Output: int32 (1), why nothing was read; 0 if it was."""
OUTPUTS = (CODE_POINTS, CONFIDENCES, FRAMES, TENSOR, FAULT)
"""All outputs, in order."""
TOO_SMALL = 1
"""Fault: a side of the image or the content is below ``MIN_SIDE_PX``."""
TOO_LARGE = 2
"""Fault: the line is wider than the recogniser takes, or a side of the image is above ``MOST_SAMPLES``."""
NOT_AN_IMAGE = 3
"""Fault: neither one channel nor three."""
WIDEST = 1 << 14
"""Highest and widest input of a network, in pixels (``inkport.export.app.preparation``)."""
OPSET = 18
"""What the family's networks are exported in, and so the opset of the whole graph."""


def require_app_spec(source: Artifact) -> None:
    """Refuse a recogniser whose steps the graph does not have.

    Raises:
        SpecError: If it was imported, so that symbols may have several code points and images other channels, widths or
            padding; or its images are not prepared in bytes, or are too low or too wide for integers of 32 bits.
    """
    spec, preprocess = source.spec, source.spec.preprocess
    if spec.schema > 1:
        raise SpecError(
            f"{source.path}: an imported recogniser; onnx-app has the preparation of our own ones, and symbols of one "
            "code point each",
            remedy="export it as onnx, and prepare and decode in the application",
        )
    if not preprocess.in_bytes:
        raise SpecError(
            f"{source.path}: its images are prepared by {preprocess.resampling}, in floats that no graph reproduces to "
            "the bit",
            remedy="export a model that was made for triangle-v2",
        )
    _require_room(source)


def _require_room(source: Artifact) -> None:
    preprocess = source.spec.preprocess
    if preprocess.height < MIN_SIDE_PX or max(preprocess.height, preprocess.max_width) > WIDEST:
        raise SpecError(
            f"{source.path}: inputs of {preprocess.height} x {preprocess.max_width} px; onnx-app computes in int32, "
            f"which is enough for {MIN_SIDE_PX} to {WIDEST} px",
            remedy="export it as onnx, and prepare and decode in the application",
        )


def fault_of(height: int, width: int, spec: PreprocessSpec) -> int:
    """Return what ``FAULT`` says of an image of ``height`` x ``width`` pixels, as ``prepare`` would refuse it."""
    if min(height, width, spec.content_width(height, width)) < MIN_SIDE_PX:
        return TOO_SMALL
    too_large = spec.padded_width(height, width) > spec.max_width or max(height, width) > MOST_SAMPLES
    return TOO_LARGE if too_large else 0
