"""HEIC, the photographs of telephones; needs pillow-heif (the extra ``heic``)."""

from __future__ import annotations

import io

from PIL import Image

from inkport.core.errors import ImageError, needing
from inkport.core.image import CROP, MAX_PIXELS, file_bytes


BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
"""Brands of files, in their first box (ISO/IEC 23008-12)."""


def is_heic(head: bytes) -> bool:
    """Return whether a file that begins so is HEIC."""
    return head[4:8] == b"ftyp" and head[8:12] in BRANDS


def load_heic(data: bytes, *, name: str, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decode the primary picture of an HEIC file.

    Its rotation is a property of the picture, which the decoder applies; what EXIF says of it again is not applied a
    second time.

    Args:
        data: The file's bytes.
        name: What to call it in errors.
        max_pixels: Most pixels that are decoded.

    Returns:
        As it is displayed, of mode ``L`` or ``RGB``.

    Raises:
        ImageError: If it is damaged or too large.
        RuntimeUnavailableError: If pillow-heif is not installed.
    """
    with needing(f"{name}: reading HEIC", extra="heic"):
        import pillow_heif
    if len(data) > file_bytes(max_pixels):
        raise ImageError(f"{name}: larger than {file_bytes(max_pixels)} bytes", remedy=CROP)
    try:
        # Its head alone is read here.
        found = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True)
        width, height = found.size
        if width * height > max_pixels:
            size = f"{width} x {height} px; at most {max_pixels} are decoded of such a file"
            raise ImageError(f"{name}: too many pixels ({size})", remedy=CROP)
        picture: Image.Image = found.to_pillow()
        if picture.has_transparency_data:
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
        return picture.convert("L" if picture.mode == "L" else "RGB")
    except ImageError:
        raise
    except Exception as error:
        found_fault = str(error) or type(error).__name__
        raise ImageError(f"{name}: damaged image ({found_fault})", remedy="copy or export the image again") from error
