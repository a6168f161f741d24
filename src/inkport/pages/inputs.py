"""Pages out of files: images, TIFF of many pages, HEIC and PDF; one page is held at a time.

What a file is, its content says and not its name. Its pages come as they are displayed, EXIF rotation applied once.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from inkport.core.errors import ImageError
from inkport.core.files import printable
from inkport.core.image import CROP, file_bytes, has_pages, load_picture, tiff_pictures
from inkport.core.reading import open_regular
from inkport.pages.heic import is_heic, load_heic
from inkport.pages.pdf_in import is_pdf, pdf_pages


PAGE_PIXELS = 100_000_000
"""Most pixels of a page unless told otherwise: one of A3 at 600 dpi has 70 million."""
SMALLER = "scan it with fewer dots per inch, or save it smaller"
_HEAD_BYTES = 1024
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(frozen=True, kw_only=True)
class PageImage:
    """A page as it is displayed."""

    id: str
    """Name of its file without the suffix, and the number of the page where there are several: ``scan-3``."""
    source: Path
    """The file, as it was named."""
    number: int
    """Which page of the file, from 1."""
    picture: Image.Image
    """The page, of mode ``L`` or ``RGB``, not to be changed."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, in pixels."""
        return self.picture.size

    def gray(self) -> npt.NDArray[np.uint8]:
        """Return the page in gray, uint8 (h, w), 0 black .. 255 white, as lines become gray."""
        return np.asarray(self.picture.convert("L"))


@dataclass(frozen=True, kw_only=True)
class PageFault:
    """A page, or what follows it in a file, that cannot be opened."""

    source: Path
    """The file, as it was named."""
    error: ImageError
    """Why."""


def open_pages(
    source: Path, *, data: bytes | None = None, max_pixels: int = PAGE_PIXELS
) -> Iterator[PageImage | PageFault]:
    """Yield the pages of a file; one that cannot be opened is reported in its place, and the others still come.

    Args:
        source: The file.
        data: Its content, where it is no file but standard input; its pages are called ``page``.
        max_pixels: Most pixels of an image. Pages of PDF files are drawn with no more.

    Raises:
        RuntimeUnavailableError: If the package for a file of its kind is not installed.
    """
    stem = printable(source.stem) if data is None else "page"
    try:
        with open_regular(source) if data is None else io.BytesIO(data) as file:
            several, pictures = _pictures(file, printable(str(source)), max_pixels)
            for number, picture in enumerate(pictures, start=1):
                if isinstance(picture, ImageError):
                    yield PageFault(source=source, error=_for_pages(picture))
                else:
                    name = f"{stem}-{number}" if several else stem
                    yield PageImage(id=name, source=source, number=number, picture=picture)
    except ImageError as error:
        yield PageFault(source=source, error=_for_pages(error))
    except OSError as error:
        reason = f"{source}: cannot be read ({error.strerror or error})"
        yield PageFault(source=source, error=ImageError(reason, remedy="check the path and the file"))


def _pictures(file: BinaryIO, name: str, max_pixels: int) -> tuple[bool, Iterator[Image.Image | ImageError]]:
    """Return whether a file has several pages, or may have, and its pages."""
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    if is_pdf(head):
        return True, pdf_pages(file, name=name, max_pixels=max_pixels)
    if head.startswith(_TIFF):
        return has_pages(file, name=name), tiff_pictures(file, name=name, max_pixels=max_pixels)
    data = file.read(file_bytes(max_pixels) + 1)
    load = load_heic if is_heic(head) else load_picture
    return False, iter((load(data, name=name, max_pixels=max_pixels),))


def _for_pages(error: ImageError) -> ImageError:
    """Return an error with a remedy for pages, where it has one for lines."""
    return ImageError(error.message, remedy=SMALLER) if error.remedy == CROP else error
