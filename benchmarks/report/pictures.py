"""Pictures of lines for pages that must hold everything they show."""

from __future__ import annotations

import base64
import io
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image, features

from inkport.lines.line import Line


HEIGHT_PX = 64
"""Height that taller lines are shrunk to."""
FORM = ("WEBP", 50) if features.check("webp") else ("JPEG", 60)
"""Form and quality: lines of real hands take about 4 kB in a page as WebP at 50, and 6 as JPEG at 60."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A line's image."""

    uri: str
    """``data:`` URI (WebP, or JPEG where Pillow has no WebP; gray)."""
    aspect: float
    """Width over height."""


def pictures(lines: Iterable[Line], ids: Collection[str]) -> dict[str, Picture]:
    """Return the picture of each of ``lines`` whose id is among ``ids``."""
    return {line.id: _picture(line) for line in lines if line.id in ids}


def _picture(line: Line) -> Picture:
    image = Image.fromarray(np.rint(line.gray() * 255).astype(np.uint8))
    aspect = image.width / image.height
    if image.height > HEIGHT_PX:
        image = image.resize((max(1, round(image.width * HEIGHT_PX / image.height)), HEIGHT_PX))
    data = io.BytesIO()
    # Lines are photographs: as PNG a page of many flips would be many times as large.
    form, quality = FORM
    image.save(data, form, quality=quality)
    uri = f"data:image/{form.lower()};base64," + base64.b64encode(data.getvalue()).decode("ascii")
    return Picture(uri=uri, aspect=aspect)
