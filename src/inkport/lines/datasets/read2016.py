"""READ 2016 (ICFHR 2016 competition): pages of the Ratsprotokolle collection with PAGE XML."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from inkport.core.errors import LineDataError
from inkport.core.image import load_gray
from inkport.lines.datasets.layout import Listed, Split, collapsed, find_place
from inkport.lines.safe_xml import parse_xml


Points = tuple[tuple[int, int], ...]
"""Corners (x, y) of a polygon, in pixels of the page."""


@dataclass(frozen=True, kw_only=True)
class PageLine:
    """One ``TextLine``."""

    id: str
    """Its id within the page."""
    text: str
    """Its transcription with white space collapsed; empty if there is none."""
    points: Points
    """Its outline."""


@dataclass(frozen=True, kw_only=True)
class PageLayout:
    """The lines of a page in PAGE XML.

    Source:
        Pletschacher & Antonacopoulos, *The PAGE (Page Analysis and Ground-truth Elements) Format Framework* (2010);
        schema at https://github.com/PRImA-Research-Lab/PAGE-XML.
    """

    size: tuple[int, int]
    """Width and height of the page's image, in pixels."""
    lines: tuple[PageLine, ...]
    """In the order of the file."""


def read_page(path: Path) -> PageLayout:
    """Read a PAGE XML file, whatever the year of its schema.

    Raises:
        LineDataError: If it is not PAGE XML, or a line has no id or no usable outline.
    """
    page = parse_xml(path, root="PcGts").find("Page")
    if page is None:
        raise LineDataError(f"{path}: no <Page> in it")
    try:
        size = int(page.get("imageWidth", "")), int(page.get("imageHeight", ""))
    except ValueError as error:
        raise LineDataError(f"{path}: <Page> has no imageWidth and imageHeight in pixels") from error
    return PageLayout(size=size, lines=tuple(_read_lines(page, path)))


def cut_line(page: Path, layout: PageLayout, line: PageLine, *, masked: bool) -> bytes:
    """Return a line's image, gray, as PNG.

    Args:
        page: The page's image file.
        layout: What ``read_page`` says of it.
        line: Which line; parts of it that lie outside the page are left out.
        masked: Whether what lies outside the outline becomes white; else the whole bounding box is kept.

    Raises:
        ImageError: If the page's image is damaged.
        LineDataError: If it has another size than the layout says, or the line lies outside.
    """
    gray = _load_page(page)
    if (gray.shape[1], gray.shape[0]) != layout.size:
        raise LineDataError(
            f"{page}: {gray.shape[1]} x {gray.shape[0]} px, its PAGE XML says {layout.size[0]} x {layout.size[1]}",
            remedy="use the image that the outlines were drawn on, unscaled and not rotated",
        )
    outline = np.array(line.points)
    left, top = outline.min(axis=0).clip(0)
    # Both border pixels belong to the line, as in the line sets of the literature.
    right, bottom = (outline.max(axis=0) + 1).clip(None, layout.size)
    crop = gray[top:bottom, left:right]
    if not crop.size:
        raise LineDataError(f"{page}: line {line.id} lies outside the page")
    if masked:
        inside = Image.new("1", (crop.shape[1], crop.shape[0]))
        ImageDraw.Draw(inside).polygon([(x - left, y - top) for x, y in line.points], fill=1, outline=1)
        crop = np.where(np.asarray(inside), crop, np.uint8(255))
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(crop)).save(buffer, "PNG")
    return buffer.getvalue()


@lru_cache(maxsize=1)
def _load_page(path: Path) -> npt.NDArray[np.uint8]:
    return np.rint(load_gray(path) * 255).astype(np.uint8)


def _read_lines(page: Element, path: Path) -> Iterator[PageLine]:
    for line in page.iter("TextLine"):
        name = line.get("id")
        if not name:
            raise LineDataError(f"{path}: a <TextLine> without an id")
        where = f"{path}: line {name}"
        yield PageLine(id=name, text=_text(line, where), points=_points(line, where))


def _text(line: Element, where: str) -> str:
    """Return the line's own text: of several alternatives that with the lowest index, as the schema ranks them."""
    try:
        ranked = sorted(line.findall("TextEquiv"), key=lambda element: int(element.get("index", "0")))
    except ValueError as error:
        raise LineDataError(f"{where}: <TextEquiv> with an index that is not a number") from error
    return collapsed(ranked[0].findtext("Unicode")) if ranked else ""


def _points(line: Element, where: str) -> Points:
    coords = line.find("Coords")
    if coords is None:
        raise LineDataError(f"{where} has no <Coords>")
    pairs = [point.split(",") for point in coords.get("points", "").split()]
    # Schemas before 2013 have an element per point.
    pairs = pairs or [[point.get("x", ""), point.get("y", "")] for point in coords.findall("Point")]
    try:
        points = tuple((int(x), int(y)) for x, y in pairs)
    except ValueError as error:
        raise LineDataError(f"{where}: <Coords> are not pairs of whole numbers ({error})") from error
    if len(points) < 3:
        raise LineDataError(f"{where}: an outline of {len(points)} points, expected at least 3")
    return points


FOLDERS = {
    Split.TRAIN: "PublicData/Training",
    Split.VAL: "PublicData/Validation",
    Split.TEST: "Test-ICFHR-2016",
}
"""Where the archives put each split."""
IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff"}
"""Page images, in upper or lower case."""
NO_PAGES = {"doc.xml", "mets.xml", "metadata.xml"}
"""Files that exports put beside the pages and that are none."""


def list_read2016(root: Path, split: Split, *, masked: bool = False) -> Iterator[Listed]:
    """Yield the lines of all pages of a split, pages by name, lines as in the file; writers are unknown.

    Args:
        root: Folder that both archives were unpacked in.
        split: Which split.
        masked: Whether what lies outside a line's outline becomes white; else its bounding box is cut out whole.

    Raises:
        LineDataError: If a part of the layout is missing or malformed.
    """
    folder = find_place(root, FOLDERS[split])
    pages = find_place(folder, "page")
    files = sorted(p for p in pages.iterdir() if p.suffix.lower() == ".xml" and p.name.lower() not in NO_PAGES)
    if not files:
        raise LineDataError(f"{pages}: no PAGE XML file in it")
    images = _images(folder)
    for file in files:
        layout = read_page(file)
        image = images.get(file.stem)
        for line in layout.lines:
            make = partial(cut_line, image, layout, line, masked=masked) if image is not None else bytes
            missing = "" if image is not None else f"no image of page {file.stem} in {folder.relative_to(root)}"
            name = f"{file.stem}/{line.id}"
            yield Listed(id=name, text=line.text, document=file.stem, image=make, missing=missing)


def _images(folder: Path) -> dict[str, Path]:
    """Return page images by stem; the archives keep them in ``Images`` (train, val) or beside ``page`` (test)."""
    found: dict[str, Path] = {}
    for place in (folder / "page", folder, folder / "Images"):
        if place.is_dir():
            found |= {p.stem: p for p in place.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file()}
    return found
