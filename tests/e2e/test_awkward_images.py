"""One line in every kind of file that decodes in an unusual way: read as the plain one is, or refused with the reason.

With the shipped model, through the Python API from every kind of source, and through the command line.
"""

from __future__ import annotations

import io
import json
import struct
import zlib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import inkport as package
from inkport.core.errors import ImageError


pytest.importorskip("onnxruntime", reason="the shipped model is read with onnxruntime")

SAMPLE = Path(str(files("inkport.benchmarks"))) / "samples" / "rendered-en-000000.png"
TEXT = "life of thought and intellectual energy to science,"
UNDONE = {
    2: [Image.Transpose.FLIP_LEFT_RIGHT],
    3: [Image.Transpose.ROTATE_180],
    4: [Image.Transpose.FLIP_TOP_BOTTOM],
    5: [Image.Transpose.TRANSPOSE],
    6: [Image.Transpose.ROTATE_90],
    7: [Image.Transpose.TRANSVERSE],
    8: [Image.Transpose.ROTATE_270],
}
"""What a camera that was held otherwise did to the picture, by the EXIF orientation that says so."""


def line() -> Image.Image:
    return Image.open(SAMPLE).convert("L")


def saved(image: Image.Image, form: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def turned(orientation: int) -> bytes:
    image, exif = line(), Image.Exif()
    for step in UNDONE.get(orientation, []):
        image = image.transpose(step)
    exif[0x0112] = orientation
    return saved(image, "JPEG", quality=95, exif=exif)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(pixels: np.ndarray, colour: int, depth: int, *more: bytes) -> bytes:
    """A PNG that Pillow cannot write: 16 bits of colour, or with a chunk of its own."""
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in pixels.astype(">u2" if depth == 16 else np.uint8))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"".join((b"\x89PNG\r\n\x1a\n", head, *more, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")))


def with_alpha(mode: str) -> bytes:
    """Ink as opacity: black all over, and transparent where the paper is."""
    gray = line()
    image = Image.new(mode, gray.size, 0)
    image.putalpha(gray.point(lambda value: 255 - value))
    return saved(image, "PNG")


def with_palette() -> bytes:
    """The paper's colours are black in the palette, and transparent."""
    image = line().convert("P")
    levels = np.arange(256) * (np.arange(256) < PAPER)
    image.putpalette(np.repeat(levels, 3).tolist())
    return saved(image, "PNG", transparency=bytes(255 * (level < PAPER) for level in range(256)))


PAPER = 235
"""Gray values from which on a pixel is paper and no ink."""
GRAY = np.asarray(line())
READ = {
    **{f"EXIF {orientation}": turned(orientation) for orientation in range(1, 9)},
    "alpha": with_alpha("RGBA"),
    "LA": with_alpha("LA"),
    "palette with transparency": with_palette(),
    "1-bit": saved(line().point(lambda value: 255 * (value > 150)).convert("1"), "PNG"),
    "16-bit gray": saved(Image.fromarray(GRAY.astype(np.uint16) * 257), "PNG"),
    "16-bit RGB": png(np.repeat(GRAY[:, :, None].astype(np.uint16) * 257, 3, axis=2), 2, 16),
    "CMYK": saved(line().convert("CMYK"), "TIFF"),
    "CMYK JPEG": saved(line().convert("CMYK"), "JPEG", quality=95),
    "gAMA of sRGB": png(GRAY, 0, 8, chunk(b"gAMA", struct.pack(">I", 45455))),
    "gAMA of linear light": png(np.rint(255 * (GRAY / 255) ** 2.2), 0, 8, chunk(b"gAMA", struct.pack(">I", 100_000))),
    "progressive": saved(line(), "JPEG", quality=90, progressive=True),
    "WebP": saved(line().convert("RGB"), "WEBP", quality=90),
    "lossless WebP": saved(line().convert("RGBA"), "WEBP", lossless=True),
}
REFUSED = {
    "7 px": (saved(line().resize((60, 7)), "PNG"), "60 x 7 px, a line needs at least 8 px each way"),
    "2,049 px": (saved(Image.new("L", (2049, 48), 255), "PNG"), "2049 px wide at height 48"),
    "16-bit RGB with a transparent colour": (
        png(np.repeat(GRAY[:, :, None].astype(np.uint16) * 257, 3, axis=2), 2, 16, chunk(b"tRNS", bytes(6))),
        "16-bit colour with a transparent colour",
    ),
}


@pytest.fixture(scope="module")
def recogniser():
    with package.load() as opened:
        assert opened.read(SAMPLE).text == TEXT
        yield opened


def sources(data: bytes, folder: Path):
    (folder / "line").write_bytes(data)
    yield folder / "line"
    yield data
    yield io.BytesIO(data)
    yield Image.open(io.BytesIO(data))


@pytest.mark.parametrize("kind", READ)
def test_it_is_read_as_the_plain_line_is(recogniser, inkport, tmp_path, kind):
    for source in sources(READ[kind], tmp_path):
        reading = recogniser.read(source)
        assert (reading.text, reading.warnings) == (TEXT, ()), type(source)
    code, out, err = inkport("read", tmp_path / "line", "--strict")
    assert (code, out, err) == (0, f"{TEXT}\n", "")


@pytest.mark.parametrize("kind", REFUSED)
def test_it_is_refused_with_the_reason(recogniser, inkport, tmp_path, kind):
    data, reason = REFUSED[kind]
    for source in list(sources(data, tmp_path))[: 3 if "transparent" in kind else 4]:
        with pytest.raises(ImageError, match=reason) as caught:
            recogniser.read(source)
        assert caught.value.remedy
    code, out, err = inkport("read", tmp_path / "line", "--format", "jsonl")
    assert (code, out) == (2, "")
    assert reason in err
    assert "\nfix: " in err


def test_2048_px_are_read(recogniser):
    wide = np.full((48, 2048), 255, np.uint8)
    wide[:, 40:700] = np.asarray(line().resize((660, 48)))
    assert recogniser.read(wide).text.strip() == TEXT


@pytest.mark.parametrize("kind", ["L", "LA", "RGB", "RGBA", "CMYK", "I;16", "YCbCr"])
def test_a_pillow_image_that_was_never_a_file_is_read_alike(recogniser, kind):
    image = Image.fromarray(GRAY.astype(np.uint16) * 257) if kind == "I;16" else line().convert(kind)
    assert recogniser.read(image).text == TEXT


def test_places_are_those_of_the_picture_as_it_is_displayed(recogniser, inkport, tmp_path):
    upright, lying = recogniser.read(READ["EXIF 1"]), recogniser.read(READ["EXIF 6"])
    for one, other in zip(upright.symbols, lying.symbols, strict=True):
        assert one.x0_px == pytest.approx(other.x0_px, abs=12)
    (tmp_path / "lying.jpg").write_bytes(READ["EXIF 6"])
    (record,) = json.loads(inkport("read", tmp_path / "lying.jpg", "--format=json")[1])
    assert [symbol["x0_px"] for symbol in record["symbols"]] == [symbol.x0_px for symbol in lying.symbols]
