"""What settings of preprocessing can be, where they are no numbers."""

from __future__ import annotations

from enum import StrEnum


class Channels(StrEnum):
    """What the channels of the input are."""

    GRAY = "gray"
    """One channel of gray."""
    GRAY3 = "gray3"
    """Gray in three equal channels."""
    RGB = "rgb"
    """Red, green, blue."""
    BGR = "bgr"
    """Blue, green, red, as OpenCV reads files."""


class Rounding(StrEnum):
    """How a width in pixels becomes a whole number."""

    ROUND = "round"
    """To the nearest, half up, without rounding errors."""
    FLOOR = "floor"
    """Down, from the float64 that height * (width / height) gives."""
    CEIL = "ceil"
    """Up, from the same."""


class Fit(StrEnum):
    """How an image fits into the input."""

    KEEP = "keep"
    """In its aspect ratio; one that is wider than ``max_width`` is refused."""
    SQUEEZE = "squeeze"
    """In its aspect ratio, but squeezed to ``max_width`` where it would be wider."""
    STRETCH = "stretch"
    """Stretched or squeezed to ``max_width``, always."""
    CONTAIN = "contain"
    """In its aspect ratio; one that would be wider than ``max_width`` gets less height instead, and padding below."""
    NONE = "none"
    """Not at all: the image as it is, in its own height and width, as bytes. Whatever prepares it is in the recogniser,
    which returns text."""


class Side(StrEnum):
    """Where the padding goes."""

    RIGHT = "right"
    LEFT = "left"
    BOTH = "both"
    """Half of it on each side, the odd column on the right."""
