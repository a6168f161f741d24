"""Text in a PDF page that is searched and copied but not seen, whatever letters it has.

Its fonts are made of nothing: of Type 3, with one empty glyph, half as wide as high, that stands for any letter; a
table says which. So no font file is needed, and every symbol of Unicode can be written.

Source:
    ISO 32000-1:2008, 9.6.5 (Type 3 fonts), 9.10.3 (ToUnicode), 9.3.6 (text rendering mode 3).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inkport.pages.page import Point


CODES = 255
"""Letters of a font: its codes are bytes, and 0 is left out."""
WIDTH, DESCENT, ASCENT = 500, -250, 750
"""Of the glyph, in thousandths of the size."""
_TABLE = """/CIDInit /ProcSet findresource begin
12 dict begin
begincmap
/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def
/CMapName /Adobe-Identity-UCS def
/CMapType 2 def
1 begincodespacerange
<00> <FF>
endcodespacerange
{rows}
endcmap
CMapName currentdict /CMap defineresource pop
end
end
"""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A word and where it lies, in points of the page."""

    text: str
    """The word."""
    begin: Point
    """Where its lower side begins."""
    end: Point
    """Where it ends."""
    above: Point
    """The corner above the beginning."""


@dataclass(frozen=True)
class Fonts:
    """The fonts of a page."""

    objects: Mapping[str, Any]
    """By their names on the page, with the slash."""
    codes: Mapping[str, tuple[str, int]]
    """Name of the font and code, for each letter."""


def fonts_of(pdf: Any, runs: Sequence[Run], *, page: int) -> Fonts:
    """Return fonts for all letters of a page, in the order of their code points.

    Args:
        pdf: The file in the making.
        runs: The words.
        page: Number of the page, for names that no other page has: pages may share their resources.
    """
    letters = sorted({letter for run in runs for letter in f"{run.text} "})
    objects: dict[str, Any] = {}
    codes: dict[str, tuple[str, int]] = {}
    for start in range(0, len(letters), CODES):
        name, part = f"/Inkport{page}Text{start // CODES}", letters[start : start + CODES]
        objects[name] = _font(pdf, part)
        codes |= {letter: (name, code) for code, letter in enumerate(part, start=1)}
    return Fonts(objects, codes)


def text_layer(runs: Sequence[Run], fonts: Fonts) -> bytes:
    """Return a page's operators for invisible words, each as wide as its place, with a space behind it."""
    rows = ["BT", "3 Tr"]
    for run in runs:
        (x, y), across, up = run.begin, _vector(run.begin, run.end), _vector(run.begin, run.above)
        width, height = math.hypot(*across), math.hypot(*up)
        if width <= 0 or height <= 0:
            continue
        # The word's direction, the size along its height, and the width by horizontal scaling.
        right = (across[0] / width, across[1] / width)
        upward = (up[0] / height, up[1] / height)
        foot = -DESCENT / 1000 * height
        rows.append(f"{100 * width / (len(run.text) * WIDTH / 1000 * height):.3f} Tz")
        origin = (x + foot * upward[0], y + foot * upward[1])
        rows.append(" ".join(_number(value) for value in (*right, *upward, *origin)) + " Tm")
        rows += _shown(f"{run.text} ", fonts, height)
    return "\n".join([*rows, "ET"]).encode("ascii")


def _shown(text: str, fonts: Fonts, size: float) -> list[str]:
    rows: list[str] = []
    used, pending = "", ""
    for letter in text:
        name, code = fonts.codes[letter]
        if name != used:
            if pending:
                rows.append(f"<{pending}> Tj")
            rows.append(f"{name} {_number(size)} Tf")
            used, pending = name, ""
        pending += f"{code:02X}"
    return [*rows, f"<{pending}> Tj"]


def _font(pdf: Any, letters: Sequence[str]) -> Any:
    import pikepdf
    from pikepdf import Array, Dictionary, Name

    names = [f"/g{code}" for code in range(1, len(letters) + 1)]
    glyph = pdf.make_stream(f"{WIDTH} 0 0 {DESCENT} {WIDTH} {ASCENT} d1".encode("ascii"))
    mapped = [f"<{code:02X}> <{letter.encode('utf-16-be').hex()}>" for code, letter in enumerate(letters, start=1)]
    # A block of a table holds 100 rows at the most.
    blocks = [mapped[start : start + 100] for start in range(0, len(mapped), 100)]
    rows = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
    return pdf.make_indirect(
        Dictionary(
            Type=Name.Font,
            Subtype=Name.Type3,
            FontBBox=[0, DESCENT, WIDTH, ASCENT],
            FontMatrix=[0.001, 0, 0, 0.001, 0, 0],
            CharProcs=Dictionary(dict.fromkeys(names, glyph)),
            Encoding=Dictionary(Type=Name.Encoding, Differences=Array([1, *(Name(name) for name in names)])),
            FirstChar=1,
            LastChar=len(letters),
            Widths=Array([WIDTH] * len(letters)),
            Resources=Dictionary(),
            ToUnicode=pikepdf.Stream(pdf, _TABLE.format(rows=rows).encode("ascii")),
        )
    )


def _vector(start: Point, end: Point) -> Point:
    return end[0] - start[0], end[1] - start[1]


def _number(value: float) -> str:
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
