"""The exact definition of what a line image becomes before the network sees it.

Every device follows these steps, in this order::

    gray, bytes (h, w)  ->  resample to (H, round(w * H / h))  ->  pad right to a multiple with background
                        ->  bytes (1, 1, H, W), the tensor stage  ->  (x / 255 - mean) / std  ->  float32 (1, 1, H, W)

Resampling is a separable triangle filter. When the image shrinks, the triangle widens with the scale (antialiasing),
which is what Pillow calls BILINEAR. Padding depends on the line alone, never on the batch that it happens to be in.

``triangle-v2`` computes in integers (``inkport.core.triangle``), so up to the tensor stage every device has the same
bytes, and from there on a table of 256 values. ``triangle-v1``, which artifacts keep that were made for it, does all of
it in float32: two matrix products, ``rows @ image @ columns.T``, whose last bits depend on the order of sums.

That is what our own recognisers take, and the default of every setting. Recognisers that were trained elsewhere take
other steps of the same kind (docs/schema.md): three channels, OpenCV's or Pillow's resampling, another width rule,
padding at another side, of another value, before or after normalisation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.config import SPARSE
from inkport.core.errors import ImageError, SpecError
from inkport.core.preprocess_settings import Channels, Fit, Rounding, Side
from inkport.core.resampling import FOREIGN
from inkport.core.triangle import CHUNK, MOST_SAMPLES, resample_bytes, resample_planes
from inkport.core.triangle_v1 import resample


TRIANGLE_V1 = "triangle-v1"
"""Resampling in float32, for artifacts made before there was another."""
TRIANGLE_V2 = "triangle-v2"
"""Resampling in integers."""
RESAMPLINGS = (TRIANGLE_V1, TRIANGLE_V2, *FOREIGN)
"""Names of all resamplings: ours, and those of other libraries (``inkport.core.resampling``)."""
MIN_SIDE_PX = 8
"""A line of text below 8 px in either direction cannot be read by anyone; refused rather than guessed at."""
MAX_INPUT_PIXELS = 8_000_000
"""Most pixels of the widest input: as many as a line's image may have (``inkport.core.image``). The largest of ours
has 0.1 million."""
Image = npt.NDArray[np.uint8] | npt.NDArray[np.float32]
"""A line image: gray (h, w), or red, green and blue (h, w, 3); uint8 0..255 or float32 0..1."""


@dataclass(frozen=True, kw_only=True)
class PreprocessSpec:
    """How a line image becomes the network's input; part of every artifact.

    Raises:
        SpecError: If a value is out of range, two contradict one another, or the resampling is unknown.
    """

    height: int = 48
    """Height of the network's input, in pixels."""
    width_multiple: int = 16
    """The padded width is a multiple of this, in pixels."""
    min_width: int = 32
    """Narrowest padded width, in pixels."""
    max_width: int = 2048
    """Widest padded width, in pixels; what becomes of a longer line is for ``fit`` to say."""
    mean: float = 0.0
    """Subtracted from the gray value (0 black .. 1 white)."""
    std: float = 1.0
    """Divides what is left."""
    background: float = 1.0
    """Gray value (0..1) of the padding, before normalisation."""
    resampling: str = TRIANGLE_V2
    """Name and version of the resampling."""
    channels: Channels = field(default=Channels.GRAY, metadata=SPARSE)
    """What the channels are."""
    channel_mean: tuple[float, ...] = field(default=(), metadata=SPARSE)
    """In place of ``mean``, one for each of three channels, in their order."""
    channel_std: tuple[float, ...] = field(default=(), metadata=SPARSE)
    """In place of ``std``, likewise."""
    rounding: Rounding = field(default=Rounding.ROUND, metadata=SPARSE)
    """How the width of the resampled image is rounded."""
    canvas: Rounding | None = field(default=None, metadata=SPARSE)
    """How the padded width is rounded before anything else is done to it; as the image's if absent."""
    fit: Fit = field(default=Fit.KEEP, metadata=SPARSE)
    """How the image fits into the input."""
    side: Side = field(default=Side.RIGHT, metadata=SPARSE)
    """Where the padding goes."""
    repeat_edge: bool = field(default=False, metadata=SPARSE)
    """Whether the padding repeats the image's outermost column instead of a constant."""
    pad_value: float | None = field(default=None, metadata=SPARSE)
    """Value of the padding after normalisation; if absent, it is ``background``, normalised like the image."""

    def __post_init__(self) -> None:
        if self.resampling not in RESAMPLINGS:
            raise SpecError(
                f"resampling {self.resampling!r} is unknown, this inkport defines {', '.join(RESAMPLINGS)}",
                remedy="upgrade inkport to the version that made the artifact",
            )
        if self.resampling == TRIANGLE_V2 and max(self.height, self.max_width) > MOST_SAMPLES:
            raise SpecError(
                f"{TRIANGLE_V2} is defined for sides of at most {MOST_SAMPLES} px, inputs may have {self.height} x "
                f"{self.max_width} px",
                remedy="lower max_width",
            )
        if min(self.height, self.width_multiple, self.min_width) < 1:
            raise SpecError(f"height, width_multiple and min_width must be at least 1: {self}")
        if self.min_width % self.width_multiple or self.max_width % self.width_multiple:
            raise SpecError(f"min_width and max_width must be multiples of width_multiple: {self}")
        if self.max_width < self.min_width:
            raise SpecError(f"max_width {self.max_width} is below min_width {self.min_width}")
        if self.height * self.max_width > MAX_INPUT_PIXELS:
            raise SpecError(
                f"inputs of {self.height} x {self.max_width} px have more than {MAX_INPUT_PIXELS} pixels",
                remedy="lower max_width",
            )
        if not self.std > 0 or not 0 <= self.background <= 1:
            raise SpecError(f"std must be above 0 and background within 0..1: {self}")
        self._check_channels()
        if self.fit is Fit.STRETCH and self.min_width != self.max_width:
            raise SpecError(f"fit=stretch has one width: min_width {self.min_width} is not max_width {self.max_width}")
        if self.repeat_edge and self.pad_value is not None:
            raise SpecError("padding either repeats the edge or has a pad_value, found both")

    def _check_channels(self) -> None:
        for name, values, scalar in (("mean", self.channel_mean, 0.0), ("std", self.channel_std, 1.0)):
            if not values:
                continue
            if len(values) != 3 or self.planes != 3:
                raise SpecError(f"channel_{name} is for three channels, found {len(values)} values for {self.channels}")
            if getattr(self, name) != scalar:
                raise SpecError(f"channel_{name} takes the place of {name}, found both")
        if any(not value > 0 for value in self.channel_std):
            raise SpecError(f"channel_std must be above 0, found {list(self.channel_std)}")

    @property
    def as_is(self) -> bool:
        """Whether images are handed over as they are, as bytes in their own height and width."""
        return self.fit is Fit.NONE

    @property
    def planes(self) -> int:
        """Number of channels of the input."""
        return 1 if self.channels is Channels.GRAY else 3

    @property
    def coloured(self) -> bool:
        """Whether the colours of an image matter."""
        return self.channels in (Channels.RGB, Channels.BGR)

    @property
    def largest_std(self) -> float:
        """The largest divisor of any channel."""
        return max(self.channel_std, default=self.std)

    def normalise(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Normalise float32 (..., planes, h, w) of 0..1, in place."""
        mean = np.asarray(self.channel_mean or (self.mean,), np.float32)
        std = np.asarray(self.channel_std or (self.std,), np.float32)
        values -= mean[:, None, None]
        values /= std[:, None, None]
        return values

    def blank(self, width: int) -> npt.NDArray[np.float32]:
        """Return an input of padding alone, float32 (1, planes, height, width)."""
        background = np.float32(self.background_level) / np.float32(255) if self.in_bytes else self.background
        canvas = np.full((1, self.planes, self.height, width), background, np.float32)
        if self.pad_value is not None:
            canvas.fill(self.pad_value)
            return canvas
        return self.normalise(canvas)

    @property
    def in_bytes(self) -> bool:
        """Whether the image is bytes until it is normalised, so that every device has the same ones.

        Not of what only imported recognisers have: several channels, and padding of a value that no byte has.
        """
        return self.resampling == TRIANGLE_V2 and self.planes == 1 and self.pad_value is None and not self.as_is

    @property
    def background_level(self) -> int:
        """The padding as a byte."""
        return math.floor(255 * self.background + 0.5)

    def content_width(self, height: int, width: int) -> int:
        """Return the width, in pixels, of an image of ``height`` x ``width`` once it has our height."""
        return self._widths(height, width)[0]

    def padded_width(self, height: int, width: int) -> int:
        """Return the network's input width for an image of ``height`` x ``width`` pixels."""
        return self._widths(height, width)[1]

    def content_height(self, height: int, width: int) -> int:
        """Return the rows that an image of ``height`` x ``width`` pixels fills; fewer than all only to be contained."""
        if self.fit is not Fit.CONTAIN or self._scaled(height, width, self.rounding) <= self.max_width:
            return self.height
        return max(1, math.floor(self.max_width * (height / width)))

    def content_left(self, height: int, width: int) -> int:
        """Return the column where an image of ``height`` x ``width`` pixels begins."""
        content, padded = self._widths(height, width)
        return {Side.RIGHT: 0, Side.LEFT: padded - content, Side.BOTH: (padded - content) // 2}[self.side]

    def _widths(self, height: int, width: int) -> tuple[int, int]:
        if self.as_is:
            return width, width
        if self.fit is Fit.STRETCH:
            return self.max_width, self.max_width
        content = self._scaled(height, width, self.rounding)
        needed = content if self.canvas is None else self._scaled(height, width, self.canvas)
        if self.fit is not Fit.KEEP:
            content, needed = min(content, self.max_width), min(needed, self.max_width)
        padded = -(-max(needed, self.min_width) // self.width_multiple) * self.width_multiple
        return min(content, padded), padded

    def _scaled(self, height: int, width: int, rounding: Rounding) -> int:
        if rounding is Rounding.ROUND:
            return max(1, (2 * width * self.height + height) // (2 * height))
        scaled = self.height * (width / height)
        return max(1, math.floor(scaled) if rounding is Rounding.FLOOR else math.ceil(scaled))


def prepare(image: Image, spec: PreprocessSpec) -> npt.NDArray[Any]:
    """Turn one line image into the network's input.

    Args:
        image: Gray (h, w), or red, green and blue (h, w, 3); uint8 0..255 or float32 0..1, white paper high.
        spec: The recogniser's preprocessing.

    Returns:
        float32 (1, spec.planes, spec.height, W), W a multiple of ``spec.width_multiple``; where images are handed over
        as they are, uint8 (1, spec.planes, h, w).

    Raises:
        ImageError: If the array is not an image that the recogniser takes, too small or too narrow to hold a line, not
            finite, or too wide.
    """
    if spec.as_is:
        return _as_it_is(image, spec)
    if spec.in_bytes:
        return normalise(prepare_bytes(image, spec), spec)
    _check_array(image, spec)
    content, padded = _checked_widths(image.shape[0], image.shape[1], spec)
    rows, left = spec.content_height(*image.shape[:2]), spec.content_left(*image.shape[:2])
    canvas = np.full((spec.planes, spec.height, padded), spec.background, dtype=np.float32)
    written = canvas[:, :rows, left : left + content]
    written[:] = _planes(image, rows, content, spec)
    if spec.repeat_edge:
        canvas = _with_edges(written, spec.height, padded, left)
    spec.normalise(canvas)
    if spec.pad_value is not None:
        normal = written.copy()
        canvas.fill(spec.pad_value)
        written[:] = normal
    return canvas[None]


def _as_it_is(image: Image, spec: PreprocessSpec) -> npt.NDArray[np.uint8]:
    _check_array(image, spec)
    levels = _levels(image)
    planes = np.stack([levels] * spec.planes) if levels.ndim == 2 else levels.transpose(2, 0, 1)
    return np.ascontiguousarray(planes[::-1] if spec.channels is Channels.BGR else planes)[None]


def _planes(image: Image, height: int, width: int, spec: PreprocessSpec) -> npt.NDArray[np.float32]:
    """Resample an image to (channels, height, width), or to (1, height, width) where all channels are equal."""
    if spec.resampling == TRIANGLE_V1:
        pixels = image.astype(np.float32, copy=False)
        if image.dtype == np.uint8:
            pixels /= np.float32(255)
        planes = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
        resampled = np.stack([resample(np.ascontiguousarray(plane), height, width) for plane in planes])
    else:
        resize = FOREIGN.get(spec.resampling, resample_planes)
        resized = resize(_levels(image), height, width)
        resampled = resized.astype(np.float32).reshape(height, width, -1).transpose(2, 0, 1) / np.float32(255)
    return resampled[::-1] if spec.channels is Channels.BGR else resampled


def _with_edges(content: npt.NDArray[Any], height: int, width: int, left: int) -> npt.NDArray[Any]:
    """Pad (c, h, w) by repeating its outermost pixels."""
    _, rows, columns = content.shape
    edges = ((0, 0), (0, height - rows), (left, width - left - columns))
    return np.pad(content, edges, mode="edge")


def prepare_bytes(
    image: npt.NDArray[np.uint8] | npt.NDArray[np.float32], spec: PreprocessSpec
) -> npt.NDArray[np.uint8]:
    """Turn one gray line image into the tensor stage of ``triangle-v2``, from which ``normalise`` makes the input.

    Args:
        image: As for ``prepare``.
        spec: The recogniser's preprocessing, ``in_bytes``.

    Returns:
        uint8 (1, 1, spec.height, W), W a multiple of ``spec.width_multiple``.

    Raises:
        SpecError: If the input is not bytes until it is normalised.
        ImageError: As for ``prepare``.
    """
    if not spec.in_bytes:
        raise SpecError(f"{spec.resampling} has no tensor of bytes", remedy="use prepare()")
    pixels = to_bytes(image)
    content, padded = _checked_widths(pixels.shape[0], pixels.shape[1], spec)
    rows, left = spec.content_height(*pixels.shape), spec.content_left(*pixels.shape)
    canvas = np.full((1, spec.height, padded), spec.background_level, dtype=np.uint8)
    written = canvas[:, :rows, left : left + content]
    written[0] = resample_bytes(pixels, rows, content)
    return (_with_edges(written, spec.height, padded, left) if spec.repeat_edge else canvas)[None]


def normalise(tensor: npt.NDArray[np.uint8], spec: PreprocessSpec) -> npt.NDArray[np.float32]:
    """Turn bytes into the network's input: each of the 256 has one value, ``(x / 255 - mean) / std`` in float32.

    This is the first step of the network and not of the preparing. It stands outside the exported graphs because not
    every format has an input of bytes (ncnn and Core ML have none), and 256 values cannot differ between devices.

    Args:
        tensor: uint8 of any shape.
        spec: The recogniser's preprocessing.

    Returns:
        float32 of the same shape.
    """
    values = tensor.astype(np.float32)
    values /= np.float32(255)
    # Most recognisers take 0..1, and a pass over the image that changes nothing takes its time.
    if spec.mean != 0:
        values -= np.float32(spec.mean)
    if spec.std != 1:
        values /= np.float32(spec.std)
    return values


def to_bytes(image: npt.NDArray[np.uint8] | npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Return a gray image as bytes, the gray stage of ``triangle-v2``; 16-bit gray is rounded, ``(v + 128) / 257``.

    Args:
        image: As for ``prepare``.

    Raises:
        ImageError: If the array is no gray image of a line.
    """
    _check_array(image)
    return _levels(image)


def _levels(image: Image) -> npt.NDArray[np.uint8]:
    if image.dtype == np.uint8:
        return image.astype(np.uint8, copy=False)
    pixels = np.empty(image.shape, np.uint8)
    # A block of columns at a time, which stays in the cache as in resample_bytes.
    for start in range(0, image.shape[1], CHUNK):
        levels = image[:, start : start + CHUNK] * np.float32(255)
        pixels[:, start : start + CHUNK] = np.rint(levels, out=levels)
    return pixels


def _checked_widths(height: int, width: int, spec: PreprocessSpec) -> tuple[int, int]:
    """Return the width of the content and of the padded image, in pixels."""
    content = spec.content_width(height, width)
    padded = spec.padded_width(height, width)
    if content < MIN_SIDE_PX:
        raise ImageError(
            f"the image is {width} x {height} px, which leaves {content} px of width at height {spec.height}; "
            f"a text line needs at least {MIN_SIDE_PX}",
            remedy="turn the image so that its text runs from left to right, and pass the crop of one line",
        )
    if padded > spec.max_width:
        raise ImageError(
            f"the line is {width} x {height} px, that is {content} px wide at height {spec.height}; "
            f"this recogniser takes at most {spec.max_width}",
            remedy="cut the image into shorter lines; one image must hold one line of text",
        )
    return content, padded


def _check_array(image: Image, spec: PreprocessSpec | None = None) -> None:
    coloured = spec is not None and spec.coloured
    if image.ndim != 2 and not (coloured and image.ndim == 3 and image.shape[2] == 3):
        kind = "a gray image of shape (h, w)" + (" or a colour image (h, w, 3)" if coloured else "")
        raise ImageError(f"expected {kind}, found shape {image.shape}")
    if min(image.shape[:2]) < MIN_SIDE_PX:
        raise ImageError(
            f"the image is {image.shape[1]} x {image.shape[0]} px, a line needs at least {MIN_SIDE_PX} px each way",
            remedy="pass the crop of one whole text line",
        )
    if image.dtype == np.uint8:
        return
    if image.dtype != np.float32:
        raise ImageError(f"expected uint8 or float32 pixels, found {image.dtype}")
    # A NaN is the least and the largest of any pixels that it is among, and fails both comparisons.
    if not (image.min() >= 0 and image.max() <= 1):
        raise ImageError("float32 pixels must be finite and within 0..1 (0 black, 1 white)")
