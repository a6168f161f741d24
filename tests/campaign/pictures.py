"""Images in every format that is read, and damage to their parts with the checksums made right again."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from campaign.damage import BYTES, EDGES, Damage, Rng, once, pick


SIZE = (61, 24)
"""Width and height of the seeds, in pixels: small, so that many are tried."""
PNG_HEAD = b"\x89PNG\r\n\x1a\n"


def _picture(mode: str) -> Image.Image:
    width, height = SIZE
    ramp = np.add.outer(np.arange(height), np.arange(width)) % 256
    gray = np.where((ramp // 7) % 3 == 0, 30, 235).astype(np.uint8)
    if mode in {"I;16", "I"}:
        deep = Image.fromarray(gray.astype(np.uint16) * 257)
        return deep if mode == "I;16" else deep.convert(mode)
    image = Image.fromarray(gray)
    if mode in {"LA", "RGBA"}:
        image = image.convert(mode)
        image.putalpha(Image.fromarray(ramp.astype(np.uint8)))
        return image
    return image.convert(mode)


_WAYS: tuple[tuple[str, str, dict], ...] = (
    *(("PNG", mode, {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
    ("PNG", "P", {"transparency": 0}),
    ("PNG", "L", {"compress_level": 0}),
    *(("JPEG", mode, {}) for mode in ("L", "RGB", "CMYK")),
    ("JPEG", "RGB", {"progressive": True}),
    ("JPEG", "L", {"restart_marker_blocks": 1}),
    ("WEBP", "RGB", {}),
    ("WEBP", "RGB", {"lossless": True}),
    ("WEBP", "RGBA", {}),
    *(("GIF", mode, {}) for mode in ("L", "P")),
    *(("BMP", mode, {}) for mode in ("1", "L", "P", "RGB", "RGBA")),
    *(("TIFF", "L", {"compression": name}) for name in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits")),
    *(("TIFF", "1", {"compression": name}) for name in ("group3", "group4")),
    ("TIFF", "RGB", {"compression": "jpeg"}),
    *(("TIFF", mode, {}) for mode in ("I;16", "RGBA", "CMYK", "P")),
    *(("PPM", mode, {}) for mode in ("1", "L", "RGB", "I")),
    *(("JPEG2000", mode, {}) for mode in ("L", "RGB", "RGBA")),
)  # fmt: skip
"""Format, mode and options of each seed that Pillow writes."""


def seeds() -> list[bytes]:
    """Return an image of each kind; the same ones every time."""
    made = [_encode(_picture(mode), form, options) for form, mode, options in _WAYS]
    exif = Image.Exif()
    exif[0x0112] = 6
    made.append(_encode(_picture("RGB"), "JPEG", {"exif": exif}))
    views = [_picture("RGB"), _picture("RGB").rotate(90)]
    made.append(_encode(views[0], "MPO", {"save_all": True, "append_images": views[1:]}))
    return [*made, interlaced(), b"P2\n3 2\n15\n0 1 2 3 4 15\n", b"P1\n4 2\n0 1 0 1 1 0 1 0\n"]


def _encode(image: Image.Image, form: str, options: dict) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def interlaced() -> bytes:
    """Return a gray PNG in Adam7 order, which Pillow reads and cannot write."""
    pixels = np.asarray(_picture("L"))
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    rows = [row for top, left, down, right in passes for row in pixels[top::down, left::right]]
    head = struct.pack(">IIBBBBB", *SIZE, 8, 0, 0, 0, 1)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows if row.size))
    return join_png([(b"IHDR", head), (b"IDAT", data), (b"IEND", b"")])


def split_png(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return the chunks of a PNG file: type and content."""
    chunks, place = [], len(PNG_HEAD)
    while place + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        chunks.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + length]))
        place += length + 12
    return chunks


def join_png(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """Return a PNG file of these chunks, each with its right checksum."""
    parts = [PNG_HEAD]
    for kind, content in chunks:
        parts += [struct.pack(">I", len(content)), kind, content, struct.pack(">I", zlib.crc32(kind + content))]
    return b"".join(parts)


def damage_png(data: bytes, rng: Rng) -> bytes:
    """Damage the content, the order or the number of a PNG file's chunks."""
    chunks = split_png(data)
    if not chunks:
        return once(BYTES, data, rng)
    place = int(rng.integers(len(chunks)))
    kind, content = chunks[place]
    way = int(rng.integers(6))
    if way == 0:
        chunks[place:place] = [pick(rng, list(_extra_chunks(rng)))]
    elif way == 1:
        del chunks[place]
    elif way == 2:
        chunks.append(chunks.pop(place))
    elif way == 3:
        # Damage before the packing, so that what is wrong are rows and filters and not the deflate stream.
        place = next((index for index, chunk in enumerate(chunks) if chunk[0] == b"IDAT"), place)
        try:
            raw = zlib.decompress(chunks[place][1])
        except zlib.error:
            raw = b"\0" * 100
        chunks[place] = (b"IDAT", zlib.compress(once(BYTES, raw, rng)))
    else:
        chunks[place] = (kind, once(BYTES, content, rng))
    return join_png(chunks)


def _extra_chunks(rng: Rng) -> Iterator[tuple[bytes, bytes]]:
    yield from ((kind, rng.bytes(int(rng.integers(40)))) for kind in (b"tRNS", b"PLTE", b"gAMA", b"acTL", b"eXIf"))
    yield from ((kind, b"a\0\0" + zlib.compress(bytes(1 << 22))) for kind in (b"zTXt", b"iCCP"))
    yield b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(1 << 22))
    yield b"IHDR", struct.pack(">IIBBBBB", *(int(pick(rng, EDGES)) for _ in "wh"), 8, 0, 0, 0, 0)


def damage_jpeg(data: bytes, rng: Rng) -> bytes:
    """Damage one marker segment of a JPEG file, or take it out; its length stays right."""
    segments, place = [], 2
    while place + 4 <= len(data) and data[place] == 0xFF and data[place + 1] != 0xDA:
        (length,) = struct.unpack_from(">H", data, place + 2)
        segments.append((data[place + 1], data[place + 4 : place + 2 + length]))
        place += 2 + length
    if not segments:
        return once(BYTES, data, rng)
    chosen = int(rng.integers(len(segments)))
    marker, content = segments[chosen]
    segments[chosen] = (marker, once(BYTES, content, rng)[:65000])
    if rng.random() < 0.2:
        del segments[chosen]
    parts = [data[:2]]
    for marker, content in segments:
        parts.append(struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content)
    return b"".join([*parts, data[place:]])


def damage_tiff(data: bytes, rng: Rng) -> bytes:
    """Change one entry of a TIFF file's directory: its tag, its type, its number of values or a value."""
    order = "<" if data[:2] == b"II" else ">"
    if len(data) < 16:
        return once(BYTES, data, rng)
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    if start + 2 > len(data):
        return once(BYTES, data, rng)
    (entries,) = struct.unpack_from(f"{order}H", data, start)
    place = start + 2 + 12 * int(rng.integers(max(1, entries)))
    offset, size = pick(rng, ((0, "H"), (2, "H"), (4, "I"), (8, "I"), (8, "H")))
    if place + 12 > len(data):
        return once(BYTES, data, rng)
    out = bytearray(data)
    limit = 1 << (16 if size == "H" else 32)
    struct.pack_into(f"{order}{size}", out, place + offset, int(pick(rng, (*EDGES, 3, 4, 5, 7, 9, 16, 32))) % limit)
    return bytes(out)


def ways_for(data: bytes) -> tuple[Damage, ...]:
    """Return what can be done to an image: damage of any kind, and as often that to its format's own parts."""
    if data.startswith(PNG_HEAD):
        return (*BYTES, *(damage_png,) * len(BYTES))
    if data.startswith(b"\xff\xd8"):
        return (*BYTES, *(damage_jpeg,) * len(BYTES))
    if data[:4] in {b"II*\0", b"MM\0*"}:
        return (*BYTES, *(damage_tiff,) * len(BYTES))
    return BYTES
