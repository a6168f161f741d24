"""Two fonts that need no font file in the repository: Pillow's own, and one made here."""

from __future__ import annotations

import pytest
from PIL import ImageFont


@pytest.fixture(scope="session")
def fonts_folder(tmp_path_factory):
    """``plain.ttf`` (ASCII and «», no accents) and ``box.ttf`` (a box for a to z and é; ``ü`` without ink)."""
    folder = tmp_path_factory.mktemp("fonts")
    default = ImageFont.load_default(20).path
    default.seek(0)
    (folder / "plain.ttf").write_bytes(default.read())
    _box_font(folder / "box.ttf")
    return folder


def _box_font(path):
    font_builder = pytest.importorskip("fontTools.fontBuilder")
    pens = pytest.importorskip("fontTools.pens.ttGlyphPen")

    def glyph(*, ink):
        pen = pens.TTGlyphPen(None)
        if ink:
            pen.moveTo((50, 0))
            for corner in ((50, 500), (450, 500), (450, 0)):
                pen.lineTo(corner)
            pen.closePath()
        return pen.glyph()

    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)] + ["é"]
    inked = {".notdef": True, "space": False, "empty": False} | {f"g{ord(x)}": True for x in letters}
    builder = font_builder.FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(list(inked))
    builder.setupCharacterMap({ord(x): f"g{ord(x)}" for x in letters} | {32: "space", ord("ü"): "empty"})
    builder.setupGlyf({name: glyph(ink=ink) for name, ink in inked.items()})
    builder.setupHorizontalMetrics(dict.fromkeys(inked, (500, 50)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "box", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
