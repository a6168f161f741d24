"""Opening image files as gray arrays, the same way for every caller.

Colour becomes gray by the ITU-R BT.601 luma that Pillow's ``convert("L")`` computes; transparent pixels are laid
on white paper; 16-bit gray is scaled to 8 bits' range as float; EXIF rotation is applied.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from inkport.core.errors import ImageError


MAX_PIXELS = 64 * 1024 * 1024
"""Images above this many pixels are refused before they are decoded: no text line needs 64 megapixels."""


def load_gray(source: Path | bytes, *, name: str | None = None) -> npt.NDArray[np.float32]:
    """Decode an image file to gray.

    Args:
        source: A path, or the file's bytes.
        name: What to call the image in errors; the path by default.

    Returns:
        float32 (h, w), 0 black .. 1 white.

    Raises:
        ImageError: If there is no such file, it is not an image, is truncated, or has too many pixels.
    """
    label = name or (str(source) if isinstance(source, Path) else "image")
    data = _read(source, label) if isinstance(source, Path) else source
    if not data:
        raise ImageError(f"{label}: the file is empty (0 bytes)", remedy="copy or export the image again")
    with warnings.catch_warnings():
        # Pillow warns from its own limit upwards; ours is lower and an error.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data)) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise _too_many_pixels(label, f"{image.width} x {image.height} px")
                image.load()
                return _to_gray(ImageOps.exif_transpose(image))
        except UnidentifiedImageError as error:
            raise ImageError(
                f"{label}: not an image in a format that Pillow reads", remedy="pass a PNG, JPEG, TIFF or WebP file"
            ) from error
        except Image.DecompressionBombError as error:
            raise _too_many_pixels(label, str(error)) from error
        # Pillow's decoders report damage with any of these, depending on the format.
        except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError) as error:
            raise ImageError(f"{label}: damaged image ({error})", remedy="copy or export the image again") from error


def _read(path: Path, label: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ImageError(f"{label}: no such file", remedy="check the path") from error
    except OSError as error:
        raise ImageError(f"{label}: cannot be read ({error.strerror})") from error


def _too_many_pixels(label: str, found: str) -> ImageError:
    return ImageError(
        f"{label}: too many pixels ({found}; at most {MAX_PIXELS} are decoded)", remedy="pass the crop of one text line"
    )


def _to_gray(image: Image.Image) -> npt.NDArray[np.float32]:
    if image.mode == "1":
        image = image.convert("L")
    if image.mode == "L":
        return np.asarray(image, dtype=np.float32) / np.float32(255)
    if image.mode.startswith("I;16") or image.mode == "I":
        # Pillow opens 16-bit gray PNG and TIFF files as I;16, some as I.
        values = np.asarray(image).astype(np.float32) / np.float32(65535)
        if values.min() < 0 or values.max() > 1:
            raise ValueError("32-bit gray values beyond 16 bits")
        return values
    if image.mode == "F":
        raise ValueError("floating-point pixels have no defined white")
    if image.has_transparency_data:
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image.convert("RGBA"))
    return np.asarray(image.convert("RGB").convert("L"), dtype=np.float32) / np.float32(255)
