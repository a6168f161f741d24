"""Pages with lines of Pillow's own font, whose places are known."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from inkport.pages.page import Line, Page, Region
from inkport.pages.page_sets import TruePage, write_page_set


ASCENT, DESCENT = 20, 6
"""Of the letters of ``WORDS``, in pixels."""
WORDS = ["hold the bold", "light and high as it lay", "all that did", "both held it to the light", "the hill"]


def written_page(
    name: str, *, lines: int = 4, size: tuple[int, int] = (400, 300), shade: int = 245, split: str = "train", **line
) -> TruePage:
    """A page with lines of text, 60 px apart; ``line`` changes what the truth says of the first one."""
    image = Image.new("L", size, shade)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=26)
    found = []
    for number in range(lines):
        y, text = 60 + 60 * number, WORDS[(number + len(name)) % len(WORDS)]
        x = 40 + 7 * number
        left, _, right, _ = draw.textbbox((x, y), text, font=font, anchor="ls")
        draw.text((x, y), text, fill=20, font=font, anchor="ls")
        box = ((left, y - ASCENT), (right, y - ASCENT), (right, y + DESCENT), (left, y + DESCENT))
        place = {"baseline": ((left, y), (right, y)), "polygon": box} | (line if number == 0 else {})
        found.append(Line(id=f"l{number}", text=text, **place))
    file = io.BytesIO()
    image.save(file, "PNG")
    page = Page(id=name, width=size[0], height=size[1], regions=(Region(id="r", lines=tuple(found)),))
    return TruePage(page=page, image=file.getvalue(), dataset="toy", document=name, split=split, licence="CC0-1.0")


@pytest.fixture(scope="session")
def write_page():
    """Returns ``written_page``."""
    return written_page


@pytest.fixture
def make_set(tmp_path):
    """Returns what writes a page set of pages and returns its path."""
    pytest.importorskip("pyarrow", reason="page sets are Parquet")

    def make(*pages: TruePage, name: str = "pages.parquet") -> Path:
        write_page_set(pages, tmp_path / name)
        return tmp_path / name

    return make


@pytest.fixture(scope="session")
def writing(tmp_path_factory):
    """Pillow's own font and a short text."""
    pytest.importorskip("fontTools", reason="rendering needs fontTools")
    from inkport.train.finder.compose import Writing
    from inkport.train.synth.corpus import Corpus
    from inkport.train.synth.fonts import load_font

    path = tmp_path_factory.mktemp("fonts") / "plain.ttf"
    default = ImageFont.load_default(20).path
    default.seek(0)
    path.write_bytes(default.read())
    text = "\n".join("the bold light that held all of it high did lift " * 6 for _ in range(3))
    return Writing(fonts=(load_font(path),), corpora=(Corpus("toy", text),))
