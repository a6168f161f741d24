"""One line of text as files of many kinds: what applications meet, and get wrong."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image


Pixels = npt.NDArray[np.uint8]
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How an upright picture is stored under each EXIF orientation (tag 0x0112)."""
ORIENTATION = 0x0112
"""EXIF's tag of the orientation."""
INK, PAPER = (16, 32, 150), (250, 235, 180)
"""Blue ink and yellow paper in RGB: gray differs by 30 levels if red and blue are swapped."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of file."""

    file: str
    """Its name; the suffix says the format."""
    shows: str
    """What an application did wrong that reads it wrongly."""
    encode: Callable[[Pixels], bytes]
    """Makes the file's bytes of a line, uint8 (h, w), 0 black .. 255 white."""


def _png(image: Image.Image, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", **options)
    return out.getvalue()


def _jpeg(image: Image.Image, *, orientation: int = 1, quality: int = 95) -> bytes:
    out = io.BytesIO()
    exif = Image.Exif()
    # Cameras write either order of bytes.
    exif.endian = "<>"[orientation % 2]
    exif[ORIENTATION] = orientation
    image.save(out, "JPEG", quality=quality, exif=exif)
    return out.getvalue()


def _scaled(pixels: Pixels, height: int) -> Image.Image:
    image = Image.fromarray(pixels)
    width = max(1, round(image.width * height / image.height))
    return image.resize((width, height), Image.Resampling.LANCZOS)


def _coloured(pixels: Pixels) -> Pixels:
    share = pixels[..., None].astype(np.float64) / 255
    mixed: Pixels = np.rint(share * np.array(PAPER) + (1 - share) * np.array(INK)).astype(np.uint8)
    return mixed


def _low_contrast(pixels: Pixels) -> bytes:
    return _png(Image.fromarray((150 + pixels.astype(np.int64) * 3 // 10).astype(np.uint8)))


def _photo(pixels: Pixels) -> bytes:
    large = _coloured(np.asarray(_scaled(pixels, 5 * pixels.shape[0])))
    # Light that falls off to one side, and the noise of a sensor, the same one every time.
    light = np.linspace(1.0, 0.75, large.shape[1])[None, :, None]
    noise = np.random.default_rng(0).normal(0, 6, large.shape)
    return _jpeg(Image.fromarray((large * light + noise).clip(0, 255).astype(np.uint8)), quality=80)


def _transparent(pixels: Pixels) -> bytes:
    # Black everywhere; the ink is what is not transparent.
    layers = np.zeros((*pixels.shape, 4), dtype=np.uint8)
    layers[..., 3] = 255 - pixels
    return _png(Image.fromarray(layers))


def _translucent(pixels: Pixels) -> bytes:
    # Colour where alpha is between: black ink cannot show whether it was multiplied with alpha.
    layers = np.empty((*pixels.shape, 4), dtype=np.uint8)
    layers[..., :3] = INK
    layers[..., 3] = 255 - pixels
    return _png(Image.fromarray(layers))


def _gray_alpha(pixels: Pixels) -> bytes:
    return _png(Image.fromarray(np.stack([np.zeros_like(pixels), 255 - pixels], axis=-1)))


def _palette(pixels: Pixels) -> bytes:
    image = Image.fromarray(_coloured(pixels)).quantize(16, dither=Image.Dither.NONE)
    return _png(image, transparency=int(np.bincount(np.asarray(image).ravel()).argmax()))


def _bilevel(pixels: Pixels) -> bytes:
    return _png(Image.fromarray(pixels).point(lambda level: 255 * (level > 150)).convert("1"))


def _deep(pixels: Pixels) -> bytes:
    # Not 257 times the byte: the low byte counts.
    return _png(Image.fromarray(pixels.astype(np.uint16) * 250 + 1000))


def _long(pixels: Pixels) -> bytes:
    return _png(Image.fromarray(np.concatenate([pixels, pixels[:, : pixels.shape[1] // 2]], axis=1)))


def _turned(orientation: int) -> Kind:
    def encode(pixels: Pixels) -> bytes:
        return _jpeg(Image.fromarray(pixels).transpose(TURNS[orientation]), orientation=orientation)

    return Kind(file="line.jpg", shows=f"EXIF orientation {orientation} is not applied", encode=encode)


KINDS: Mapping[str, Kind] = {
    "plain": Kind(
        file="line.png", shows="nothing special: whatever is wrong", encode=lambda p: _png(Image.fromarray(p))
    ),
    "low-contrast": Kind(file="line.png", shows="contrast is stretched, or levels are rounded", encode=_low_contrast),
    "photo": Kind(file="line.jpg", shows="shrinking without antialiasing; another JPEG decoder", encode=_photo),
    "colour": Kind(
        file="line.png", shows="red and blue are swapped", encode=lambda p: _png(Image.fromarray(_coloured(p)))
    ),
    "transparent": Kind(file="line.png", shows="transparency became black", encode=_transparent),
    "translucent": Kind(file="line.png", shows="alpha is taken for multiplied already", encode=_translucent),
    "gray-alpha": Kind(file="line.png", shows="transparency of gray became black", encode=_gray_alpha),
    "palette": Kind(file="line.png", shows="palette or its transparent colour is not applied", encode=_palette),
    "bilevel": Kind(file="line.png", shows="one bit per pixel is not expanded", encode=_bilevel),
    "deep": Kind(file="line.png", shows="16 bits are cut to 8 instead of rounded", encode=_deep),
    "inks": Kind(
        file="line.jpg",
        shows="CMYK is taken for RGB, or not inverted",
        encode=lambda p: _jpeg(Image.fromarray(_coloured(p)).convert("CMYK")),
    ),
    "small": Kind(file="line.png", shows="enlarging is another filter", encode=lambda p: _png(_scaled(p, 29))),
    "same-height": Kind(file="line.png", shows="a size that fits is resampled", encode=lambda p: _png(_scaled(p, 48))),
    "long": Kind(file="line.png", shows="long lines are squeezed or cut", encode=_long),
    **{f"exif-{orientation}": _turned(orientation) for orientation in TURNS},
}
"""What a bundle's golden lines are, by the names of their folders."""
