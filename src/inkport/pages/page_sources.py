"""Pages with the truth about their lines, out of files of ALTO or PAGE and the images beside them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from inkport.core.charset import normalise_text
from inkport.core.errors import DataError, ImageError, LineDataError
from inkport.core.files import printable
from inkport.core.triangle import resample_bytes
from inkport.lines.folder import IMAGE_SUFFIXES
from inkport.pages.formats.layout_files import read_layout
from inkport.pages.inputs import PageFault, open_pages
from inkport.pages.page import Page, Points, round_points
from inkport.pages.page_sets import TruePage


JPEG_QUALITY = 90
"""Of the images in a page set: ink is unchanged to the eye, at a tenth of what gray pixels take."""
FORMAT_FOLDERS = ("alto", "page")
"""Folders that exports put beside a document's images; they name the format and not the document."""
NO_PAGES = ("mets.xml", "metadata.xml", "doc.xml")
"""Files that exports put beside the pages and that are none."""


def layout_files(paths: Iterable[Path]) -> list[Path]:
    """Return files of ALTO or PAGE: those named, and all of named folders, in order.

    Raises:
        LineDataError: If a path is not there, or a folder holds none.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            if not path.is_file():
                raise LineDataError(f"{path}: no such file or folder", remedy="check the path")
            found.append(path)
            continue
        files = [file for file in path.rglob("*.xml") if file.name.lower() not in NO_PAGES and file.is_file()]
        if not files:
            raise LineDataError(f"{path}: no .xml file in it", remedy="name a folder with files of ALTO or PAGE")
        found += sorted(files)
    return found


def true_pages(
    files: Iterable[Path], *, dataset: str, split: str, licence: str, long_side: int
) -> Iterator[TruePage | DataError]:
    """Yield the pages of files, gray, or why there is none.

    The document of a page is the folder that its file is in, or the one above if that is named for the format. The
    image is the one that the file names, else the one of the file's name, beside it or in the folder above.

    Args:
        files: Files of ALTO or PAGE, each with one page.
        dataset: Name of the data set.
        split: Its split; empty if it has none.
        licence: What its licence asks.
        long_side: Most pixels of the longer side; larger images are made smaller.
    """
    for file in files:
        try:
            layouts = read_layout(file)
            if len(layouts) != 1:
                raise LineDataError(f"{file}: {len(layouts)} pages, expected one", remedy="export a file for each page")
            layout = layouts[0]
            pixels = _pixels(file, layout)
            about = {"dataset": dataset, "split": split, "licence": licence}
            name = f"{dataset}/{printable(file.stem)}"
            document = f"{dataset}/{printable(_folder_of(file).name)}"
            page, image = _scaled(_normalised(replace(layout, id=name)), pixels, long_side)
            yield TruePage(page=page, image=image, document=document, **about)
        except DataError as error:
            yield error


def _folder_of(file: Path) -> Path:
    folder = file.resolve().parent
    return folder.parent if folder.name.lower() in FORMAT_FOLDERS else folder


def _pixels(file: Path, layout: Page) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    for opened in open_pages(_image_of(file, layout)):
        if isinstance(opened, PageFault):
            raise opened.error
        if opened.size != (layout.width, layout.height):
            raise ImageError(
                f"{opened.source}: {opened.size[0]} x {opened.size[1]} px, {file} says {layout.width} x "
                f"{layout.height}",
                remedy="use the image that the lines were drawn on, unscaled and not rotated",
            )
        found: np.ndarray[tuple[int, int], np.dtype[np.uint8]] = opened.gray()
        return found
    raise ImageError(f"{file}: its image has no page")


def _image_of(file: Path, layout: Page) -> Path:
    named = [layout.image] if layout.image else []
    names = [*named, *(f"{file.stem}{suffix}" for suffix in IMAGE_SUFFIXES)]
    for folder in (file.parent, file.parent.parent):
        for name in names:
            if (folder / name).is_file():
                return folder / name
    raise LineDataError(f"{file}: no image {layout.image or file.stem} beside it", remedy="put the image beside it")


def _normalised(page: Page) -> Page:
    regions = (
        replace(region, lines=tuple(replace(line, text=normalise_text(line.text), words=()) for line in region.lines))
        for region in page.regions
    )
    return replace(page, regions=tuple(regions))


def _scaled(page: Page, pixels: np.ndarray[tuple[int, int], np.dtype[np.uint8]], long_side: int) -> tuple[Page, bytes]:
    """Return a page and its encoded image, no larger than asked for."""
    height, width = pixels.shape
    share = min(1.0, long_side / max(height, width))
    size = max(round(share * height), 1), max(round(share * width), 1)
    if size != pixels.shape:
        pixels = resample_bytes(pixels, *size)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "JPEG", quality=JPEG_QUALITY)
    fx, fy = size[1] / width, size[0] / height

    def scale(points: Points) -> Points:
        return round_points(tuple((x * fx, y * fy) for x, y in points), 1)

    regions = tuple(
        replace(
            region,
            polygon=scale(region.polygon),
            lines=tuple(
                replace(line, baseline=scale(line.baseline), polygon=scale(line.polygon)) for line in region.lines
            ),
        )
        for region in page.regions
    )
    image = f"{page.id.replace('/', '-')}.jpg"
    return replace(page, width=size[1], height=size[0], regions=regions, image=image), buffer.getvalue()
