"""HANDS-VNOnDB at line level: pen trajectories in InkML, or the drawn images in circulation, and lists of files."""

from __future__ import annotations

import io
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from inkport.core.errors import LineDataError
from inkport.lines.datasets.layout import (
    Listed,
    Split,
    collapsed,
    find_place,
    read_file,
    read_names,
    read_text,
)
from inkport.lines.safe_xml import parse_xml


INK_HEIGHT_PX = 96
"""Height that a line's ink is scaled to: one and a half times what the published networks see."""
MAX_INK_WIDTH_PX = 4000
"""Ink that would be wider (a dash, a row of dots) is scaled to this width instead."""
PEN_PX = 4
"""Width of the pen."""
MARGIN_PX = 8
"""White paper around the ink."""
OVERSAMPLING = 4
"""Drawn this many times larger and averaged, because Pillow draws hard edges."""

Stroke = npt.NDArray[np.float64]
"""Points of one stroke, float64 (points, 2), x to the right and y down, in units of the device."""


@dataclass(frozen=True)
class InkLine:
    """One ``traceGroup``."""

    id: str
    """Its id within the file."""
    text: str
    """Its transcription with white space collapsed; empty if there is none."""
    strokes: tuple[Stroke, ...]
    """Its strokes, in the order of writing; none if it has no ink."""


def read_ink(path: Path) -> list[InkLine]:
    """Return the trace groups of an InkML file, in order.

    Raises:
        LineDataError: If the file is not InkML, or a group has no id or a trace that is not made of points.
    """
    lines = []
    for group in parse_xml(path, root="ink").iterfind("traceGroup"):
        name = group.get("id")
        if not name:
            raise LineDataError(f"{path}: a <traceGroup> without an id")
        strokes = (_stroke(trace, f"{path}: {name}") for trace in group.iterfind("trace"))
        text = collapsed(group.findtext("annotationXML/Tg_Truth"))
        lines.append(InkLine(name, text, tuple(stroke for stroke in strokes if len(stroke))))
    return lines


def draw_ink(strokes: tuple[Stroke, ...]) -> bytes:
    """Return a drawing of ``strokes``, black on white, as a gray PNG ``INK_HEIGHT_PX`` and two margins high.

    A stroke of one point is a dot. Ink without any height or width is drawn at the scale of its other side.
    """
    points = np.concatenate(strokes)
    first, extent = points.min(axis=0), np.ptp(points, axis=0)
    scale = min(INK_HEIGHT_PX / max(extent[1], 1.0), MAX_INK_WIDTH_PX / max(extent[0], 1.0))
    width, height = (int(side) + 1 + 2 * MARGIN_PX for side in extent * scale)
    height = max(height, INK_HEIGHT_PX + 1 + 2 * MARGIN_PX)
    image = Image.new("L", (width * OVERSAMPLING, height * OVERSAMPLING), 255)
    draw = ImageDraw.Draw(image)
    radius = PEN_PX * OVERSAMPLING / 2
    for stroke in strokes:
        path = ((stroke - first) * scale + MARGIN_PX) * OVERSAMPLING
        draw.line([(x, y) for x, y in path], fill=0, width=PEN_PX * OVERSAMPLING, joint="curve")
        for x, y in (path[0], path[-1]):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=0)
    buffer = io.BytesIO()
    image.reduce(OVERSAMPLING).save(buffer, "PNG")
    return buffer.getvalue()


def _stroke(trace: Element, where: str) -> Stroke:
    """Return the first two channels of a trace: x and y."""
    points = [point.split()[:2] for point in (trace.text or "").split(",") if point.strip()]
    try:
        stroke = np.array(points, dtype=np.float64).reshape(-1, 2)
    except ValueError as error:
        raise LineDataError(f"{where}: a trace that is not a list of points x y, x y ({error})") from error
    if not np.isfinite(stroke).all():
        raise LineDataError(f"{where}: a trace with a point that is not finite")
    return stroke


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
