"""HANDS-VNOnDB at line level: pen trajectories in InkML, or the drawn images in circulation, and lists of files."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path

from inkport.lines.datasets.ink import InkLine, draw_ink, read_ink
from inkport.lines.datasets.listed import Listed, Split, collapsed
from inkport.lines.datasets.places import find_place, read_file, read_names, read_text


LISTS = {Split.TRAIN: "train_set.txt", Split.VAL: "validation_set.txt", Split.TEST: "test_set.txt"}
"""Lists of InkML files, beside the folder of the ink."""
_DATED = re.compile(r"\d{8}_(\d{4})_.+")
_IMAGE = re.compile(r"(?P<file>.+)_tg_(?P<paragraph>\d+)_(?P<line>\d+)\.png")


def list_vnondb(root: Path, split: Split) -> Iterator[Listed]:
    """Yield the lines of ``InkData_line/*.inkml``, drawn by us.

    Raises:
        LineDataError: If a part of the layout is missing or malformed.
    """
    folder = find_place(root, "InkData_line")
    for stem in _stems(root, split):
        path = folder / f"{stem}.inkml"
        if not path.is_file():
            yield Listed(id=stem, missing=f"no file {path.relative_to(root)}")
            continue
        for index, line in enumerate(read_ink(path)):
            yield Listed(
                id=f"{stem}_{line.id}",
                text=line.text,
                writer=_writer(stem),
                document=stem,
                image=partial(_draw, path, index),
                missing="" if line.strokes else "no ink",
            )


def list_vnondb_images(root: Path, split: Split) -> Iterator[Listed]:
    """Yield the lines of ``InkData_line_processed``: ``<file>_tg_<paragraph>_<line>.png`` with a ``.txt`` beside each.

    Raises:
        LineDataError: If a part of the layout is missing or malformed.
    """
    folder = find_place(root, "InkData_line_processed")
    images: dict[str, list[tuple[int, int, Path]]] = defaultdict(list)
    for path in folder.iterdir():
        if match := _IMAGE.fullmatch(path.name):
            images[match["file"]].append((int(match["paragraph"]), int(match["line"]), path))
    for stem in _stems(root, split):
        if stem not in images:
            yield Listed(id=stem, missing=f"no image {folder.name}/{stem}_tg_*.png")
        for *_, image in sorted(images[stem]):
            truth = image.with_suffix(".txt")
            there = truth.is_file()
            yield Listed(
                id=image.stem,
                text=collapsed(read_text(truth)) if there else "",
                writer=_writer(stem),
                document=stem,
                image=partial(read_file, image),
                missing="" if there else f"no transcription {folder.name}/{truth.name}",
            )


def _stems(root: Path, split: Split) -> Iterator[str]:
    return (name.removesuffix(".inkml") for name in read_names(find_place(root, LISTS[split])))


def _writer(stem: str) -> str:
    """Return the writer's number, the second part of names like ``20151224_0141_7818_1``; empty for other names."""
    match = _DATED.fullmatch(stem)
    return match[1] if match else ""


def _draw(path: Path, index: int) -> bytes:
    return draw_ink(_read(path)[index].strokes)


# Lines of one file are drawn one after the other.
@lru_cache(maxsize=1)
def _read(path: Path) -> list[InkLine]:
    return read_ink(path)
