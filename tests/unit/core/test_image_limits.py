"""Images made to harm: refused by their heads, before a decoder takes memory or time for them."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.GifImagePlugin import GifImageFile

from inkport.core import image as image_module
from inkport.core.errors import ImageError
from inkport.core.image import MAX_PIXELS, load_gray
from inkport.core.image_heads import MAX_SCANS, MAX_TILES


def encode(image: Image.Image, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def gray(width: int = 40, height: int = 20) -> Image.Image:
    return Image.new("L", (width, height), 200)


def refused_unopened(data: bytes, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused, and Pillow never saw it."""
    monkeypatch.setattr(image_module.Image, "open", lambda *_args, **_options: pytest.fail("opened"))
    with pytest.raises(ImageError, match=says) as caught:
        load_gray(data)
    assert "crop" in caught.value.remedy


def webp(kind: bytes, body: bytes) -> bytes:
    chunk = kind + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def size24(*sizes: int) -> bytes:
    return b"".join((size - 1).to_bytes(3, "little") for size in sizes)


@pytest.mark.parametrize(
    "data",
    [
        webp(b"VP8X", bytes(4) + size24(16383, 16383)),
        webp(b"VP8L", b"\x2f" + struct.pack("<I", 16382 | 16382 << 14)),
        webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 16383, 16383)),
    ],
)
def test_a_webp_canvas_is_measured_before_the_decoder_takes_memory_for_it(data, monkeypatch):
    refused_unopened(data, r"too many pixels \(16383 x 16383 px; at most 8000000", monkeypatch)


@pytest.mark.parametrize("options", [{"lossless": True}, {"lossless": False}, {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0"}])
def test_the_sizes_read_from_webp_heads_are_those_of_the_files(options):
    data = encode(gray(321, 123), "WEBP", **options)
    assert load_gray(data, max_pixels=321 * 123).shape == (123, 321)
    with pytest.raises(ImageError, match="321 x 123 px; at most 39482"):
        load_gray(data, max_pixels=321 * 123 - 1)


def with_scans(count: int) -> bytes:
    data = encode(Image.new("RGB", (64, 64), "gray"), "JPEG", progressive=True)
    last = data[data.rfind(b"\xff\xda") : -2]
    return data[:-2] + last * (count - data.count(b"\xff\xda")) + b"\xff\xd9"


def test_a_jpeg_of_thousands_of_scans_is_refused(monkeypatch):
    assert load_gray(with_scans(MAX_SCANS)).shape == (64, 64)
    refused_unopened(with_scans(2000), f"2000 scans, at most {MAX_SCANS}", monkeypatch)


def test_the_codestream_of_a_jpeg_2000_file_counts_not_its_box(monkeypatch):
    data = bytearray(encode(gray(), "JPEG2000"))
    place = data.find(b"\xff\x4f\xff\x51")
    struct.pack_into(">II", data, place + 8, 60_000, 60_000)
    refused_unopened(bytes(data), "60000 x 60000 px; at most 4000000", monkeypatch)


def test_tiles_of_a_jpeg_2000_file_are_counted(monkeypatch):
    data = bytearray(encode(gray(200, 200), "JPEG2000", tile_size=(20, 20)))
    assert load_gray(bytes(data)).shape == (200, 200)
    place = data.find(b"\xff\x4f\xff\x51")
    struct.pack_into(">II", data, place + 24, 1, 1)
    refused_unopened(bytes(data), f"40000 tiles, at most {MAX_TILES}", monkeypatch)


def tiff(tags: list[tuple[int, int, int, int]], data: bytes) -> bytes:
    """A little-endian TIFF; tags as (tag, type, count, value or offset), data from offset 8."""
    entries = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(tags)) + entries + bytes(4)


GRAY = [(258, 4, 1, 8), (259, 4, 1, 1), (262, 4, 1, 1), (277, 4, 1, 1)]


def test_a_tiff_tile_larger_than_any_picture_is_refused():
    packed = zlib.compress(bytes(1000))
    tags = [(256, 4, 1, 10), (257, 4, 1, 10), *GRAY, (322, 4, 1, 100_000), (323, 4, 1, 100_000)]
    tags = [(259, 4, 1, 8) if tag[0] == 259 else tag for tag in tags]
    with pytest.raises(ImageError, match="tiles of 10000000000 pixels; at most 8000000"):
        load_gray(tiff([*tags, (324, 4, 1, 8), (325, 4, 1, len(packed))], packed))


def test_a_tiff_of_more_strips_than_a_picture_has_rows_is_refused():
    count = 100_001
    data = bytes(8) + struct.pack("<I", 8) * count + struct.pack("<I", 8) * count
    strips = [(273, 4, count, 16), (278, 4, 1, 1), (279, 4, count, 16 + 4 * count)]
    with pytest.raises(ImageError, match="100001 strips or tiles, at most 100000"):
        load_gray(tiff([(256, 4, 1, 8), (257, 4, 1, count), *GRAY, *strips], data))


def test_decoders_in_python_get_fewer_pixels():
    share = MAX_PIXELS // 4
    for head in (b"P2 %d 1 255\n", b"P6 %d 1 65535\n"):
        with pytest.raises(ImageError, match=f"{share + 1} x 1 px; at most {share} are decoded of such a file"):
            load_gray(head % (share + 1) + bytes(100))


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "GIF"])
def test_the_limit_is_an_option(form):
    data = encode(gray(100, 20), form)
    assert load_gray(data, max_pixels=2000).shape == (20, 100)
    with pytest.raises(ImageError, match="100 x 20 px; at most 1999 are decoded"):
        load_gray(data, max_pixels=1999)


def test_a_line_of_the_largest_size_is_decoded():
    assert load_gray(encode(gray(40_000, 200), "PNG")).shape == (200, 40_000)
    with pytest.raises(ImageError, match="too many pixels"):
        load_gray(encode(gray(40_001, 200), "PNG"))


def test_many_pictures_in_a_gif_are_not_counted(monkeypatch):
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    data = b"GIF89a" + struct.pack("<HH", 20, 20) + b"\x80\0\0" + bytes(6) + frame * 1000 + b";"
    seek, sought = GifImageFile._seek, []

    def watched(self, frame, *rest, **named):
        sought.append(frame)
        return seek(self, frame, *rest, **named)

    monkeypatch.setattr(GifImageFile, "_seek", watched)
    with pytest.raises(ImageError, match="several pictures"):
        load_gray(data)
    assert len(sought) < 10


def test_tags_larger_than_their_file_take_no_memory():
    """Sixty thousand EXIF tags that all point at the same megabyte."""
    tags = b"".join(struct.pack("<HHII", tag, 7, 1 << 20, 100) for tag in range(1, 60_001))
    exif = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 60_000) + tags + bytes(4) + bytes(1 << 20)
    chunk = b"eXIf" + exif
    chunk = struct.pack(">I", len(exif)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    data = encode(gray(), "PNG")
    after_header = 8 + 25
    found = load_gray(data[:after_header] + chunk + data[after_header:])
    np.testing.assert_array_equal(found, np.asarray(gray(), np.float32) / 255)
