"""Opening image files as gray arrays, or as colours for recognisers that take them, the same way for every caller.

Colour becomes gray by the ITU-R BT.601 luma that Pillow's ``convert("L")`` computes; transparent pixels are laid
on white paper; 16-bit gray keeps its depth as float; EXIF rotation is applied. What has no defined white, or
holds more than one picture, is refused rather than guessed at.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Lock
from typing import BinaryIO, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, Jpeg2KImagePlugin, UnidentifiedImageError, WebPImagePlugin
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    PHOTOMETRIC_INTERPRETATION,
    STRIPOFFSETS,
    TILELENGTH,
    TILEOFFSETS,
    TILEWIDTH,
    ImageFileDirectory_v2,
    TiffImageFile,
)

from inkport.core.errors import ImageError
from inkport.core.image_heads import JPEG2000_SHARE, head_fault
from inkport.core.reading import read_bytes


MAX_PIXELS = 8_000_000
"""Images above this many pixels are refused before they are decoded, unless told otherwise: a line 200 px high may be
40,000 px long. At this size decoding takes up to half a gigabyte and four seconds, of noise."""
DEAR = {"jpeg2k": JPEG2000_SHARE, "bmp_rle": 4, "ppm": 4, "ppm_plain": 4}
"""Decoders that are given fewer pixels, by which part: those in Python take 2 microseconds per pixel."""
PIXEL_BYTES = 8
"""Most bytes per pixel of a file: four channels of 16 bits, uncompressed."""
REST_BYTES = 1 << 20
"""What a file may hold besides: profiles, previews and notes."""
MAX_STRIPS = 100_000
"""Most strips or tiles of a TIFF file: Pillow keeps a record of each."""
MAX_PAGES = 10_000
"""Most pages of a file: the thickest volumes have some thousand."""
# Pillow opens a format by name only once the module for it is imported.
_RARE = (Jpeg2KImagePlugin.Jpeg2KImageFile, TiffImageFile, WebPImagePlugin.WebPImageFile)
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", *(str(plugin.format) for plugin in _RARE))
"""Formats that are opened. Pillow knows more, and runs Ghostscript for one of them (EPS)."""
Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.float32]
"""Gray (h, w) or red, green and blue (h, w, 3): bytes, or of 16-bit gray float32 0..1."""
CROP = "pass the crop of one text line, saved again"
SAVE_AS_PNG = "save it as an 8-bit gray or RGB PNG"
_SUBFILE = 254
T = TypeVar("T")
_DECODING = Lock()


def load_gray(
    source: Path | bytes, *, name: str | None = None, max_pixels: int = MAX_PIXELS
) -> npt.NDArray[np.float32]:
    """Decode an image file to gray.

    Args:
        source: A path, or the file's bytes.
        name: What to call the image in errors; the path by default.
        max_pixels: Most pixels that are decoded.

    Returns:
        float32 (h, w), 0 black .. 1 white.

    Raises:
        ImageError: If there is no such file, it is not one image, is damaged, has too many pixels, or has
            pixels whose white is not defined.
    """
    return _from_0_to_1(load_pixels(source, name=name, max_pixels=max_pixels))


def _from_0_to_1(pixels: Pixels) -> npt.NDArray[np.float32]:
    values = pixels.astype(np.float32, copy=False)
    return values / np.float32(255) if pixels.dtype == np.uint8 else values


def load_pixels(source: Path | bytes, *, name: str | None = None, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Decode an image file to gray as ``load_gray`` does, but leave 8-bit gray as it is.

    Args:
        source: A path, or the file's bytes.
        name: What to call the image in errors; the path by default.
        max_pixels: Most pixels that are decoded.

    Returns:
        uint8 (h, w), 0 black .. 255 white; of 16-bit gray, float32, 0 black .. 1 white.

    Raises:
        ImageError: As for ``load_gray``.
    """
    return _load(source, name, max_pixels, _to_gray)


def load_colour(
    source: Path | bytes, *, name: str | None = None, max_pixels: int = MAX_PIXELS
) -> npt.NDArray[np.float32]:
    """Decode an image file to red, green and blue; arguments and errors are those of ``load_gray``.

    Returns:
        float32 (h, w, 3), 0..1.
    """
    return _from_0_to_1(_load(source, name, max_pixels, _to_colour))


def load_picture(source: Path | bytes, *, name: str | None = None, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decode an image file to a Pillow image; arguments and errors are those of ``load_gray``.

    Returns:
        As it is displayed, of mode ``L`` or ``RGB``.
    """
    return _load(source, name, max_pixels, _to_picture)


def tiff_pictures(file: BinaryIO, *, name: str, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image | ImageError]:
    """Yield the pages of a TIFF file, as ``load_picture`` returns them, or why one cannot be decoded.

    Smaller copies of a page, as viewers keep them, are passed over. One page is held at a time.

    Args:
        file: The file, open; nothing else is read from it meanwhile.
        name: What to call it in errors.
        max_pixels: Most pixels of a page.

    Raises:
        ImageError: If it is no TIFF file, or where its chain of pages is broken: what follows is lost.
    """
    image = _guarded(lambda: Image.open(file, formats=("TIFF",)), name)
    with image:
        for number in range(MAX_PAGES):
            if not _guarded(partial(_seek, image, number), name):
                return
            if isinstance(image, TiffImageFile) and image.tag_v2.get(_SUBFILE, 0) & 1:
                continue
            label = f"{name}, page {number + 1}"
            try:
                yield _guarded(partial(_tiff_page, image, label, max_pixels), label)
            except ImageError as error:
                yield error
    raise ImageError(f"{name}: more than {MAX_PAGES} pages", remedy="split the file")


def has_pages(file: BinaryIO, *, name: str) -> bool:
    """Return whether a TIFF file has more than one picture; arguments and errors are those of ``tiff_pictures``."""
    image = _guarded(lambda: Image.open(file, formats=("TIFF",)), name)
    several = _guarded(lambda: bool(getattr(image, "is_animated", False)), name)
    file.seek(0)
    return several


def _seek(image: Image.Image, number: int) -> bool:
    try:
        image.seek(number)
    except EOFError:
        return False
    return True


def _tiff_page(image: ImageFile, label: str, max_pixels: int) -> Image.Image:
    _check_header(image, label, max_pixels, pages=True)
    image.load()
    return _to_picture(ImageOps.exif_transpose(image), label)


def _guarded(act: Callable[[], T], label: str) -> T:
    """Return what a step of a decoder returns; whatever it stumbles over becomes an ``ImageError``."""
    with _silence():
        try:
            return act()
        except ImageError:
            raise
        except UnidentifiedImageError as error:
            raise ImageError(
                f"{label}: not an image in a format that is read here", remedy=f"pass one of {', '.join(FORMATS)}"
            ) from error
        except Image.DecompressionBombError as error:
            raise ImageError(f"{label}: too many pixels ({error})", remedy=CROP) from error
        except Exception as error:
            raise _damaged(label, error) from error


def _load(source: Path | bytes, name: str | None, max_pixels: int, convert: Callable[[Image.Image, str], T]) -> T:
    label = name or (str(source) if isinstance(source, Path) else "image")
    most = file_bytes(max_pixels)
    data = _read(source, label, most) if isinstance(source, Path) else source
    if len(data) > most:
        raise ImageError(f"{label}: larger than {most} bytes", remedy=CROP)
    if not data:
        raise ImageError(f"{label}: the file is empty (0 bytes)", remedy="copy or export the image again")
    return _guarded(lambda: _decode(data, label, max_pixels, convert), label)


def _decode(data: bytes, label: str, max_pixels: int, convert: Callable[[Image.Image, str], T]) -> T:
    if fault := head_fault(data, max_pixels=max_pixels):
        raise ImageError(f"{label}: {fault}", remedy=CROP)
    _check_png(data)
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        _check_header(image, label, max_pixels)
        image.load()
        return convert(ImageOps.exif_transpose(image), label)


def file_bytes(max_pixels: int) -> int:
    """Return the most bytes that the file of an image with so many pixels may have."""
    return PIXEL_BYTES * max_pixels + REST_BYTES


def gray_of_picture(image: Image.Image, *, name: str, max_pixels: int = MAX_PIXELS) -> npt.NDArray[np.float32]:
    """Turn a Pillow image gray, as ``load_gray`` turns the file of it; the image itself is not changed.

    Args:
        image: The image; opened files are decoded.
        name: What to call it in errors.
        max_pixels: Most pixels that it may have.

    Returns:
        float32 (h, w), 0 black .. 1 white.

    Raises:
        ImageError: See ``load_gray``.
    """
    return _of_picture(image, name, max_pixels, _to_gray)


def colour_of_picture(image: Image.Image, *, name: str, max_pixels: int = MAX_PIXELS) -> npt.NDArray[np.float32]:
    """Turn a Pillow image to red, green and blue, float32 (h, w, 3), 0..1; see ``gray_of_picture``."""
    return _of_picture(image, name, max_pixels, _to_colour)


def _of_picture(
    image: Image.Image, name: str, max_pixels: int, convert: Callable[[Image.Image, str], Pixels]
) -> npt.NDArray[np.float32]:
    if image.width * image.height > max_pixels:
        found = f"{image.width} x {image.height} px; at most {max_pixels} are read"
        raise ImageError(f"{name}: too many pixels ({found})", remedy=CROP)
    with _silence():
        try:
            if isinstance(image, ImageFile):
                _check_header(image, name, max_pixels)
            elif image.mode in {"F", "I"}:
                raise _undefined_white(image, name)
            image.load()
            return _from_0_to_1(convert(ImageOps.exif_transpose(image), name))
        except ImageError:
            raise
        except Exception as error:
            raise _damaged(name, error) from error


@contextmanager
def _silence() -> Iterator[None]:
    """Ignore warnings: below Pillow's own limit it only warns, and ours is lower; damaged metadata is no damaged pixel.

    One thread at a time: what ``catch_warnings`` restores is what another thread had set meanwhile.
    """
    with _DECODING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _damaged(label: str, error: Exception) -> ImageError:
    # Pillow's decoders report damage with whatever they stumble over: OSError, SyntaxError, struct.error...
    found = str(error) or type(error).__name__
    return ImageError(f"{label}: damaged image ({found})", remedy="copy or export the image again")


def _read(path: Path, label: str, most: int) -> bytes:
    try:
        return read_bytes(path, limit=most)
    except FileNotFoundError as error:
        raise ImageError(f"{label}: no such file", remedy="check the path") from error
    except IsADirectoryError as error:
        raise ImageError(f"{label}: a folder, not an image", remedy="name the image files in it") from error
    except PermissionError as error:
        raise ImageError(
            f"{label}: cannot be read (permission denied)", remedy="give yourself read permission (chmod u+r)"
        ) from error
    except OSError as error:
        raise ImageError(f"{label}: cannot be read ({error.strerror})", remedy="check the path and the disk") from error


def _check_png(data: bytes) -> None:
    """Check the checksums of a PNG file, which Pillow skips for pixel data when it decodes."""
    if data.startswith(b"\x89PNG"):
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            image.verify()


def _check_header(image: ImageFile, label: str, max_pixels: int, *, pages: bool = False) -> None:
    most = max_pixels // max((DEAR.get(str(tile[0]), 1) for tile in image.tile), default=1)
    if image.width * image.height > most:
        found = f"{image.width} x {image.height} px; at most {most} are decoded of such a file"
        raise ImageError(f"{label}: too many pixels ({found})", remedy=CROP)
    # A phone's MPO file is one photograph and its previews. They are not counted: that reads all of the file.
    if not pages and image.format != "MPO" and getattr(image, "is_animated", False):
        raise ImageError(f"{label}: holds several pictures, expected one", remedy="save each as a file of its own")
    if isinstance(image, TiffImageFile) and (fault := _tiff_fault(image.tag_v2, max_pixels)):
        raise ImageError(f"{label}: {fault}", remedy=SAVE_AS_PNG)
    if image.mode == "F" or (image.mode.startswith("I") and not _is_16_bit_gray(image)):
        raise _undefined_white(image, label)
    # Pillow cuts such pixels to 8 bits but not the colour that is transparent, so it makes others transparent.
    if isinstance(image.info.get("transparency"), tuple) and image.tile and image.tile[0].args == "RGB;16B":
        raise ImageError(f"{label}: 16-bit colour with a transparent colour", remedy=SAVE_AS_PNG)


def _undefined_white(image: Image.Image, label: str) -> ImageError:
    return ImageError(f"{label}: pixels of mode {image.mode} whose white is not defined", remedy=SAVE_AS_PNG)


def _is_16_bit_gray(image: Image.Image) -> bool:
    """Return whether 0 is black and 65535 white; Pillow hands other TIFF scales on as they are stored."""
    if isinstance(image, TiffImageFile):
        return (image.tag_v2.get(BITSPERSAMPLE), image.tag_v2.get(PHOTOMETRIC_INTERPRETATION)) == ((16,), 1)
    return image.mode.startswith("I;16") or image.format == "PPM"


def _tiff_fault(tags: ImageFileDirectory_v2, max_pixels: int) -> str | None:
    """Return why the strips or tiles of a TIFF file, which can be larger than the picture, are not decoded."""
    pixels = math.prod(tags.get(tag, 1) for tag in (TILEWIDTH, TILELENGTH))
    if pixels > max_pixels:
        return f"tiles of {pixels} pixels; at most {max_pixels} are decoded"
    strips = max(len(tags.get(tag, ())) for tag in (STRIPOFFSETS, TILEOFFSETS))
    return f"{strips} strips or tiles, at most {MAX_STRIPS} are decoded" if strips > MAX_STRIPS else None


def _to_gray(image: Image.Image, label: str) -> Pixels:
    if image.mode.startswith("I"):
        return _deep_gray(image)
    return np.asarray(_in_mode(image, "L", label), dtype=np.uint8)


def _to_colour(image: Image.Image, label: str) -> Pixels:
    if image.mode.startswith("I"):
        return np.repeat(_deep_gray(image)[..., None], 3, axis=2)
    return np.asarray(_in_mode(image, "RGB", label), dtype=np.uint8)


def _to_picture(image: Image.Image, label: str) -> Image.Image:
    if image.mode.startswith("I"):
        return Image.fromarray(np.rint(_deep_gray(image) * 255).astype(np.uint8))
    found = _in_mode(image, "L" if image.mode in {"1", "L", "LA"} else "RGB", label)
    # What is decoded lazily, or shares the memory of a file's next page, is neither for the caller.
    return found.copy() if found is image else found


def _in_mode(image: Image.Image, mode: str, label: str) -> Image.Image:
    try:
        if image.has_transparency_data:
            paper = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(paper, image.convert("RGBA"))
        if image.mode != mode:
            image = image.convert(mode) if image.mode == "1" else image.convert("RGB").convert(mode)
    except ValueError as error:
        raise ImageError(f"{label}: pixels that cannot be turned gray ({error})", remedy=SAVE_AS_PNG) from error
    return image


def _deep_gray(image: Image.Image) -> npt.NDArray[np.float32]:
    values = np.asarray(image).astype(np.float32)
    if "transparency" in image.info:
        values[values == image.info["transparency"]] = 65535
    return values / np.float32(65535)
