"""What an image file must not be decoded for, by what its head says."""

from __future__ import annotations

import struct


MAX_SCANS = 100
"""Most scans of a JPEG file; each is a pass over the whole picture. Progressive files have about ten."""
MAX_TILES = 1024
"""Most tiles of a JPEG 2000 file: each takes about 20 kB before anything is decoded."""
JPEG2000_SHARE = 2
"""By which part a JPEG 2000 file may have fewer pixels: with blocks of 4 x 4, each takes 120 bytes to decode."""
_SIZ = b"\xff\x4f\xff\x51"
_SIZES = struct.Struct(">8I")


def head_fault(data: bytes, *, max_pixels: int) -> str | None:
    """Return why an image file must not be decoded, or None.

    By what its head says, for the formats whose decoders believe it before anybody can ask: WebP and JPEG 2000 take
    memory for the whole picture when a file is opened; JPEG decodes as often as there are scans.

    Args:
        data: The file.
        max_pixels: Most pixels that it may have.
    """
    if data.startswith(b"\xff\xd8"):
        # Also counted: those of a photograph's previews, and chance, one in 65,536 bytes of what is no scan.
        scans = data.count(b"\xff\xda")
        return f"{scans} scans, at most {MAX_SCANS} are decoded" if scans > MAX_SCANS else None
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        width, height = _webp_size(data)
        return _pixels_fault(width, height, max_pixels)
    if data.startswith((b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP")):
        return _jpeg2000_fault(data, max_pixels // JPEG2000_SHARE)
    return None


def _pixels_fault(width: int, height: int, max_pixels: int) -> str | None:
    if width * height <= max_pixels:
        return None
    return f"too many pixels ({width} x {height} px; at most {max_pixels} are decoded of such a file)"


def _webp_size(data: bytes) -> tuple[int, int]:
    """Return the size of the canvas; nothing for a file too damaged to have one, which the decoder refuses."""
    head, kind = data[20:30].ljust(10, b"\0"), data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(head[4:7], "little"), 1 + int.from_bytes(head[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        return int.from_bytes(head[6:8], "little") & 0x3FFF, int.from_bytes(head[8:10], "little") & 0x3FFF
    return 0, 0


def _jpeg2000_fault(data: bytes, max_pixels: int) -> str | None:
    """Look at every codestream: the box that Pillow takes the size from need not agree with it."""
    place = data.find(_SIZ)
    while place >= 0:
        sizes = data[place + 8 : place + 8 + _SIZES.size]
        if len(sizes) == _SIZES.size:
            right, bottom, left, top, tile_width, tile_height, *_ = _SIZES.unpack(sizes)
            width, height = right - left, bottom - top
            if fault := _pixels_fault(max(width, 0), max(height, 0), max_pixels):
                return fault
            tiles = -(-width // max(tile_width, 1)) * -(-height // max(tile_height, 1))
            if tiles > MAX_TILES:
                return f"{tiles} tiles, at most {MAX_TILES} are decoded"
        place = data.find(_SIZ, place + 1)
    return None
