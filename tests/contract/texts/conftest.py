"""A plug-in whose recogniser returns text, with its artifact, lines of digits, and what its own pipeline reads."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from inkport.core import registry
from inkport.core.artifact import Provenance, new_artifact
from inkport.core.charset import Charset
from inkport.core.preprocess import PreprocessSpec
from inkport.core.preprocess_settings import Fit
from inkport.core.spec import Decoder, RecogniserSpec
from inkport.core.target import Precision


SYMBOLS = "0123456789"
SPEC = RecogniserSpec(
    name="glyphs",
    version="1",
    preprocess=PreprocessSpec(fit=Fit.NONE),
    charset=Charset(tuple(SYMBOLS)),
    decoder=Decoder.TEXT,
)
CLASSES = {
    "reader": "Reader",
    "slips": "Slips",
    "first-line-only": "FirstLineOnly",
    "first-line-repeated": "FirstLineRepeated",
    "too-sure": "TooSure",
    "bare-texts": "BareTexts",
    "scores": "Scores",
    "exits": "Exits",
    "draws": "Draws",
}


def draw(text, size):
    """A line with white between its symbols, uint8 (h, w)."""
    font, x = ImageFont.load_default(size=size), 4
    image = Image.new("L", (size * (len(text) + 1), 2 * size), 245)
    for symbol in text:
        ImageDraw.Draw(image).text((x, size // 3), symbol, font=font, fill=30)
        x += round(font.getlength(symbol)) + 4
    return np.asarray(image)[:, : x + 4]


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """A folder with the plug-in, its artifact, and 60 lines of digits in several sizes."""
    folder = tmp_path_factory.mktemp("texts")
    known = folder / "site" / "glyph_reader-1.dist-info"
    known.mkdir(parents=True)
    (known / "METADATA").write_text("Metadata-Version: 2.1\nName: glyph-reader\nVersion: 1\n", encoding="utf-8")
    rows = [f"{name} = glyph_reader:{cls}" for name, cls in CLASSES.items()]
    (known / "entry_points.txt").write_text("\n".join([f"[{registry.GROUP}]", *rows]) + "\n", encoding="utf-8")
    shutil.copyfile(Path(__file__).with_name("glyph_reader.py"), folder / "site" / "glyph_reader.py")
    sys.path.insert(0, str(folder / "site"))
    try:
        from glyph_reader import pieces, read
    finally:
        sys.path.remove(str(folder / "site"))
    glyphs = np.stack([pieces(draw(symbol, 60))[0] for symbol in SYMBOLS])
    made = Provenance(stage="test")
    with new_artifact(folder / "model", spec=SPEC, format="glyphs", precision=Precision.FP32, provenance=made) as draft:
        np.save(draft / "glyphs.npy", glyphs)
    rng = np.random.default_rng(3)
    rows, readings = ["image\ttext"], ["image\ttext"]
    for number in range(60):
        text = "".join(rng.choice(list(SYMBOLS), rng.integers(3, 8)))
        gray = draw(text, int(rng.integers(24, 48)))
        Image.fromarray(gray).save(folder / f"line{number:02}.png")
        rows.append(f"line{number:02}.png\t{text}")
        readings.append(f"line{number:02}.png\t{read(gray, glyphs, SYMBOLS)[0]}")
    (folder / "lines.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "few.tsv").write_text("\n".join(rows[:7]) + "\n", encoding="utf-8")
    (folder / "readings.tsv").write_text("\n".join(readings) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="class")
def plugins(place):
    """Install the plug-in's runtimes, for processes that are started, too."""
    site = place / "site"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")])))
        yield
