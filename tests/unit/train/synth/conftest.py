"""Two fonts that need no font file in the repository: Pillow's own, and one made here."""

from __future__ import annotations

import pytest
from PIL import ImageFont


@pytest.fixture(scope="session")
def fonts_folder(tmp_path_factory):
    """``plain.ttf`` (ASCII and «», no accents) and ``box.ttf``.

    The latter has a box for a to z and a taller one for é; ``ü`` without ink; and two that are not what its character
    map says: ``è`` is the box of ``e``, and ``¤`` the small one that stands for missing symbols.
    """
    folder = tmp_path_factory.mktemp("fonts")
    default = ImageFont.load_default(20).path
    default.seek(0)
    (folder / "plain.ttf").write_bytes(default.read())
    _box_font(folder / "box.ttf")
    return folder


def _box_font(path):
    font_builder = pytest.importorskip("fontTools.fontBuilder")
    pens = pytest.importorskip("fontTools.pens.ttGlyphPen")

    def glyph(height):
        pen = pens.TTGlyphPen(None)
        if height:
            pen.moveTo((50, 0))
            for corner in ((50, height), (450, height), (450, 0)):
                pen.lineTo(corner)
            pen.closePath()
        return pen.glyph()

    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    heights = {".notdef": 300, "space": 0, "empty": 0, "acute": 600, "grave": 500, "currency": 300}
    heights |= {f"g{ord(x)}": 500 for x in letters}
    accents = {ord("ü"): "empty", ord("é"): "acute", ord("è"): "grave", ord("¤"): "currency"}
    builder = font_builder.FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(list(heights))
    builder.setupCharacterMap({ord(x): f"g{ord(x)}" for x in letters} | {32: "space"} | accents)
    builder.setupGlyf({name: glyph(height) for name, height in heights.items()})
    builder.setupHorizontalMetrics(dict.fromkeys(heights, (500, 50)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "box", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
