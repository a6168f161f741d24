"""READ 2016 (ICFHR 2016 competition): pages of the Ratsprotokolle collection with PAGE XML."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from inkport.core.errors import LineDataError
from inkport.lines.datasets.listed import Listed, Split
from inkport.lines.datasets.page import cut_line, read_page
from inkport.lines.datasets.places import find_place


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
