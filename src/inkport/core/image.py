"""Opening image files as gray arrays, the same way for every caller.

Colour becomes gray by the ITU-R BT.601 luma that Pillow's ``convert("L")`` computes; transparent pixels are laid
on white paper; 16-bit gray keeps its depth as float; EXIF rotation is applied. What has no defined white, or
holds more than one picture, is refused rather than guessed at.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, Jpeg2KImagePlugin, UnidentifiedImageError, WebPImagePlugin
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION, TiffImageFile

from inkport.core.errors import ImageError


MAX_PIXELS = 64 * 1024 * 1024
"""Images above this many pixels are refused before they are decoded: no text line needs 64 megapixels."""
MAX_BYTES = 4 * MAX_PIXELS + 1024 * 1024
"""Files above this size are refused before they are read: ``MAX_PIXELS`` with four channels, uncompressed."""
# Pillow opens a format by name only once the module for it is imported.
_RARE = (Jpeg2KImagePlugin.Jpeg2KImageFile, TiffImageFile, WebPImagePlugin.WebPImageFile)
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", *(str(plugin.format) for plugin in _RARE))
"""Formats that are opened. Pillow knows more, and runs Ghostscript for one of them (EPS)."""
SAVE_AS_PNG = "save it as an 8-bit gray or RGB PNG"


def load_gray(source: Path | bytes, *, name: str | None = None) -> npt.NDArray[np.float32]:
    """Decode an image file to gray.

    Args:
        source: A path, or the file's bytes.
        name: What to call the image in errors; the path by default.

    Returns:
        float32 (h, w), 0 black .. 1 white.

    Raises:
        ImageError: If there is no such file, it is not one image, is damaged, has too many pixels, or has
            pixels whose white is not defined.
    """
    label = name or (str(source) if isinstance(source, Path) else "image")
    data = _read(source, label) if isinstance(source, Path) else source
    if not data:
        raise ImageError(f"{label}: the file is empty (0 bytes)", remedy="copy or export the image again")
    with warnings.catch_warnings():
        # Below Pillow's own limit it only warns, and ours is lower; damaged metadata is no damage to the pixels.
        warnings.simplefilter("ignore")
        try:
            _check_png(data)
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                _check_header(image, label)
                image.load()
                return _to_gray(ImageOps.exif_transpose(image), label)
        except ImageError:
            raise
        except UnidentifiedImageError as error:
            raise ImageError(
                f"{label}: not an image in a format that is read here", remedy=f"pass one of {', '.join(FORMATS)}"
            ) from error
        except Image.DecompressionBombError as error:
            raise _too_many_pixels(label, str(error)) from error
        except Exception as error:
            # Pillow's decoders report damage with whatever they stumble over: OSError, SyntaxError, struct.error...
            found = str(error) or type(error).__name__
            raise ImageError(f"{label}: damaged image ({found})", remedy="copy or export the image again") from error


def _read(path: Path, label: str) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
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
    if len(data) > MAX_BYTES:
        raise ImageError(f"{label}: larger than {MAX_BYTES} bytes", remedy="pass the crop of one text line")
    return data


def _check_png(data: bytes) -> None:
    """Check the checksums of a PNG file, which Pillow skips for pixel data when it decodes."""
    if data.startswith(b"\x89PNG"):
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            image.verify()


def _check_header(image: ImageFile, label: str) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise _too_many_pixels(label, f"{image.width} x {image.height} px")
    # A phone's MPO file is one photograph and its previews.
    frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    if frames > 1:
        raise ImageError(f"{label}: holds {frames} pictures, expected one", remedy="save each as a file of its own")
    if image.mode == "F" or (image.mode.startswith("I") and not _is_16_bit_gray(image)):
        raise ImageError(f"{label}: pixels of mode {image.mode} whose white is not defined", remedy=SAVE_AS_PNG)
    # Pillow cuts such pixels to 8 bits but not the colour that is transparent, so it makes others transparent.
    if isinstance(image.info.get("transparency"), tuple) and image.tile and image.tile[0].args == "RGB;16B":
        raise ImageError(f"{label}: 16-bit colour with a transparent colour", remedy=SAVE_AS_PNG)


def _is_16_bit_gray(image: Image.Image) -> bool:
    """Return whether 0 is black and 65535 white; Pillow hands other TIFF scales on as they are stored."""
    if isinstance(image, TiffImageFile):
        return (image.tag_v2.get(BITSPERSAMPLE), image.tag_v2.get(PHOTOMETRIC_INTERPRETATION)) == ((16,), 1)
    return image.mode.startswith("I;16") or image.format == "PPM"


def _too_many_pixels(label: str, found: str) -> ImageError:
    return ImageError(
        f"{label}: too many pixels ({found}; at most {MAX_PIXELS} are decoded)", remedy="pass the crop of one text line"
    )


def _to_gray(image: Image.Image, label: str) -> npt.NDArray[np.float32]:
    if image.mode.startswith("I"):
        return _deep_gray(image)
    try:
        if image.has_transparency_data:
            paper = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(paper, image.convert("RGBA"))
        if image.mode != "L":
            image = image.convert("L") if image.mode == "1" else image.convert("RGB").convert("L")
    except ValueError as error:
        raise ImageError(f"{label}: pixels that cannot be turned gray ({error})", remedy=SAVE_AS_PNG) from error
    return np.asarray(image, dtype=np.float32) / np.float32(255)


def _deep_gray(image: Image.Image) -> npt.NDArray[np.float32]:
    values = np.asarray(image).astype(np.float32)
    if "transparency" in image.info:
        values[values == image.info["transparency"]] = 65535
    return values / np.float32(65535)
