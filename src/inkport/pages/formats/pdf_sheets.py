"""Pages of a PDF file: how what is displayed lies on them, and pictures as pages."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from typing import Any

from PIL import Image

from inkport.core.image import file_bytes
from inkport.core.reading import read_bytes
from inkport.pages.inputs import PAGE_PIXELS, PageImage
from inkport.pages.page import Point


DOTS_PER_INCH = 300
"""What a picture's pixels are laid out at: archives scan so, and photographs seldom say."""
EXIF_ORIENTATION = 0x0112
"""The tag of EXIF."""
PLACED = {
    1: (1, 0, 0, 1, 0, 0),
    2: (-1, 0, 0, 1, 1, 0),
    3: (-1, 0, 0, -1, 1, 1),
    4: (1, 0, 0, -1, 0, 1),
    5: (0, -1, -1, 0, 1, 1),
    6: (0, -1, 1, 0, 0, 1),
    7: (0, 1, 1, 0, 0, 0),
    8: (0, 1, -1, 0, 1, 0),
}
"""By EXIF orientation, how the unit square of a stored picture lies in that of the displayed one, as in ``cm``."""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A page as it is displayed, in points, and the way from there to its own coordinates."""

    width: float
    """Its width."""
    height: float
    """Its height."""
    left: float = 0.0
    """Least x of the part that is displayed, in the page's own coordinates."""
    bottom: float = 0.0
    """Least y of it."""
    turn: int = 0
    """By how much it is turned clockwise to be displayed: 0, 90, 180 or 270 degrees."""

    def own(self, x: float, y: float) -> Point:
        """Return the own coordinates of a place that is displayed ``x`` from the left and ``y`` from below."""
        if self.turn == 90:
            x, y = self.height - y, x
        elif self.turn == 180:
            x, y = self.width - x, self.height - y
        elif self.turn == 270:
            x, y = y, self.width - x
        return self.left + x, self.bottom + y


def add_picture(pdf: Any, picture: PageImage) -> Sheet:
    """Add a page with nothing but a picture on it.

    Args:
        pdf: The file in the making.
        picture: The picture. The bytes of a JPEG file are kept, and turned on the page as EXIF asks for; of other files
            the pixels are.
    """
    from pikepdf import Dictionary, Name, Page, Stream

    stored = _jpeg(picture)
    image, placed = stored or (_pixels(picture.picture), PLACED[1])
    data, size, mode, packing = image
    width, height = (side * 72 / DOTS_PER_INCH for side in picture.size)
    made = Stream(
        pdf,
        data,
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=size[0],
        Height=size[1],
        BitsPerComponent=8,
        ColorSpace=Name.DeviceGray if mode == "L" else Name.DeviceRGB,
        Filter=Name(packing),
    )
    drawn = f"q {width:.4f} 0 0 {height:.4f} 0 0 cm {' '.join(map(str, placed))} cm /Page Do Q\n"
    page = Dictionary(
        Type=Name.Page,
        MediaBox=[0, 0, round(width, 4), round(height, 4)],
        Resources=Dictionary(XObject=Dictionary(Page=made)),
        Contents=Stream(pdf, drawn.encode("ascii")),
    )
    pdf.pages.append(Page(pdf.make_indirect(page)))
    return Sheet(width=width, height=height)


_Stored = tuple[bytes, tuple[int, int], str, str]


def _pixels(picture: Image.Image) -> _Stored:
    return zlib.compress(picture.tobytes(), 6), picture.size, picture.mode, "/FlateDecode"


def _jpeg(picture: PageImage) -> tuple[_Stored, tuple[int, ...]] | None:
    """Return the stored picture of a JPEG file and how it is turned; None for a file of another kind."""
    try:
        data = read_bytes(picture.source, limit=file_bytes(PAGE_PIXELS))
        if not data.startswith(b"\xff\xd8"):
            return None
        # It was decoded before: only its head is read here.
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as opened:
            turn = opened.getexif().get(EXIF_ORIENTATION, 1)
            if opened.mode not in ("L", "RGB") or turn not in PLACED:
                return None
            return (data, opened.size, opened.mode, "/DCTDecode"), PLACED[turn]
    except OSError:
        return None
