"""Reading the lines of a page whose places are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from inkport.core.errors import ImageError
from inkport.core.line_reading import mean_confidence, to_reading
from inkport.core.preprocess import prepare
from inkport.core.recogniser import Recogniser
from inkport.core.spec import Decoder
from inkport.pages.crop import Frame, Margins, Strip, crop, frame_of
from inkport.pages.inputs import PageImage
from inkport.pages.page import Flag, Line, Page, Points, round_points
from inkport.pages.strips import MARGINS, strip_of
from inkport.pages.words import runners_up, words_of


@dataclass(frozen=True)
class PageReading:
    """What came of a page."""

    page: Page
    """The page with the texts that were read, in place of any that it had."""
    faults: tuple[str, ...]
    """Why lines could not be read, a sentence each; they are flagged."""


def read_page(
    picture: PageImage,
    page: Page,
    recogniser: Recogniser,
    *,
    margins: Margins = MARGINS,
    invert: bool = False,
) -> PageReading:
    """Read the lines of a page; one that cannot be read leaves the others alone.

    Args:
        picture: The page's image.
        page: Where its lines are. Those that are dropped are not read.
        recogniser: What reads. Lines of less confidence than its ``min_confidence`` are flagged.
        margins: Paper around a line.
        invert: Read white writing on black.

    Raises:
        ImageError: If the page is of an image of another size.
    """
    if picture.size != (page.width, page.height):
        raise ImageError(
            f"{picture.source}, page {picture.number}: {picture.size[0]} x {picture.size[1]} px, its lines are for "
            f"{page.width} x {page.height}",
            remedy="pass the image that the lines were drawn on, unscaled and not rotated",
        )
    cut = _cutter(picture, recogniser, invert=invert)
    faults: list[str] = []

    def read(line: Line) -> Line:
        if line.dropped:
            return line
        try:
            return _read_line(line, cut, recogniser, margins)
        except ImageError as error:
            faults.append(f"line {line.id}: {error.message}")
            return replace(line, text="", confidence=None, words=(), flags=(Flag.UNREAD,))

    regions = tuple(replace(region, lines=tuple(map(read, region.lines))) for region in page.regions)
    return PageReading(replace(page, regions=regions), tuple(faults))


Cutter = Callable[[Strip, Margins], npt.NDArray[np.uint8] | npt.NDArray[np.float32]]
"""Returns a strip of a page as its recogniser takes images."""


def _cutter(picture: PageImage, recogniser: Recogniser, *, invert: bool) -> Cutter:
    coloured = recogniser.spec.preprocess.coloured
    pixels = np.asarray(picture.picture.convert("RGB")) if coloured else picture.gray()
    if invert:
        pixels = np.uint8(255) - pixels
    if not coloured:
        return lambda strip, margins: crop(pixels, strip, margins)
    channels = [np.ascontiguousarray(pixels[..., channel]) for channel in range(3)]
    return lambda strip, margins: (
        np.stack([crop(channel, strip, margins) for channel in channels], axis=2).astype(np.float32) / np.float32(255)
    )


def _read_line(line: Line, cut: Cutter, recogniser: Recogniser, margins: Margins) -> Line:
    strip = strip_of(line)
    frame = frame_of(strip, margins)
    image = cut(strip, margins)
    spec = recogniser.spec
    (given,) = recogniser.run_prepared([prepare(image, spec.preprocess)])
    if spec.decoder is Decoder.TEXT:
        # Nothing says where its words stand.
        unsure = given.confidence is not None and given.confidence < recogniser.min_confidence
        flags = (Flag.UNSURE,) if unsure else ()
        return replace(line, text=given.text, confidence=given.confidence, words=(), flags=flags)
    found = recogniser.decode(given, spec.charset)
    reading = to_reading(found, shape=(frame.height, frame.width), spec=spec, warnings=())
    words = words_of(
        reading.symbols,
        runners_up(given, found.emissions, spec.charset),
        width=frame.width,
        height=frame.height,
        place=lambda left, right: _corners(frame, strip, margins, left, right),
    )
    confidence = mean_confidence(found.emissions)
    unsure = confidence is not None and confidence < recogniser.min_confidence
    return replace(
        line,
        text=" ".join(word.text for word in words),
        confidence=reading.confidence,
        words=words,
        flags=(Flag.UNSURE,) if unsure else (),
    )


def _corners(frame: Frame, strip: Strip, margins: Margins, left: float, right: float) -> Points:
    """Return the corners of a part of a strip on the page, without the margins above and below."""
    top, bottom = margins.above * strip.height, frame.height - margins.below * strip.height
    places = ((left, top), (right, top), (right, bottom), (left, bottom))
    return round_points(tuple(frame.place(x, y) for x, y in places))
