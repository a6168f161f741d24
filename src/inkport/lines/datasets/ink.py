"""Handwriting as pen trajectories: reading the InkML of HANDS-VNOnDB and drawing it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from inkport.core.errors import LineDataError
from inkport.lines.datasets.listed import collapsed
from inkport.lines.datasets.safe_xml import parse_xml


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
        LineDataError: If the file is no InkML, or a group has no id or a trace that is not made of points.
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
