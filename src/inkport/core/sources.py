"""What a recogniser takes as an image: a path, bytes, a file object, a Pillow image or an array."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from inkport.core.errors import ImageError, UsageError
from inkport.core.image import (
    CROP,
    MAX_PIXELS,
    colour_of_picture,
    file_bytes,
    gray_of_picture,
    load_colour,
    load_gray,
)


Array: TypeAlias = npt.NDArray[Any]
ImageSource: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Image.Image | Array"
"""A file's path; a file's bytes; a file opened in binary mode, read from where it stands; a Pillow image; an array:
gray (h, w) or RGB (h, w, 3), uint8 0..255 or floating 0..1, white paper high."""
LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in gray, as in files (ITU-R BT.601)."""


def name_of(source: ImageSource, number: int) -> str:
    """Return what to call an image in errors: its path, the name of the file object, or its number."""
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    name = getattr(source, "name", None) or getattr(source, "filename", None)
    return name if isinstance(name, str) else f"image {number}"


def gray_of(source: ImageSource, *, name: str, max_pixels: int = MAX_PIXELS) -> npt.NDArray[np.float32]:
    """Turn whatever holds an image gray.

    Args:
        source: The image; see ``ImageSource``. Neither a Pillow image nor an array is changed.
        name: What to call it in errors.
        max_pixels: Most pixels that it may have.

    Returns:
        float32 (h, w), 0 black .. 1 white.

    Raises:
        ImageError: If it is not one image, is damaged, too large, or its white is not defined.
        UsageError: If ``source`` is something else.
    """
    return _pixels_of(source, (load_gray, gray_of_picture, gray_of_array), name=name, max_pixels=max_pixels)


def colour_of(source: ImageSource, *, name: str, max_pixels: int = MAX_PIXELS) -> npt.NDArray[np.float32]:
    """Turn whatever holds an image to red, green and blue, float32 (h, w, 3), 0..1; see ``gray_of``."""
    return _pixels_of(source, (load_colour, colour_of_picture, colour_of_array), name=name, max_pixels=max_pixels)


class _Turn(Protocol):
    def __call__(self, source: Any, /, *, name: str, max_pixels: int) -> npt.NDArray[np.float32]: ...


def _pixels_of(
    source: ImageSource, turns: tuple[_Turn, _Turn, _Turn], *, name: str, max_pixels: int
) -> npt.NDArray[np.float32]:
    """Turn an image, by what it is: a file, a Pillow image or an array."""
    of_file, of_picture, of_array = turns
    if isinstance(source, str | os.PathLike):
        return of_file(Path(source), name=name, max_pixels=max_pixels)
    if isinstance(source, bytes | bytearray | memoryview):
        return of_file(bytes(source), name=name, max_pixels=max_pixels)
    if isinstance(source, Image.Image):
        return of_picture(source, name=name, max_pixels=max_pixels)
    if isinstance(source, np.ndarray):
        return of_array(source, name=name, max_pixels=max_pixels)
    if callable(read := getattr(source, "read", None)):
        return of_file(_content(read, name, file_bytes(max_pixels)), name=name, max_pixels=max_pixels)
    raise UsageError(
        f"{name}: a {type(source).__name__} is no image",
        remedy="pass a path, the bytes of a file, a file opened in binary mode, a Pillow image or a numpy array",
    )


def gray_of_array(array: Array, *, name: str, max_pixels: int = MAX_PIXELS) -> npt.NDArray[np.float32]:
    """Turn an array gray; see ``gray_of``.

    Args:
        array: Gray (h, w) or RGB (h, w, 3); uint8, or floating 0..1.
        name: What to call it in errors.
        max_pixels: Most pixels that it may have.
    """
    _check_array(array, name, max_pixels)
    if array.dtype == np.uint8:
        pixels = Image.fromarray(np.ascontiguousarray(array))
        return np.asarray(pixels.convert("L"), dtype=np.float32) / np.float32(255)
    gray = array if array.ndim == 2 else np.clip(array @ np.asarray(LUMA, array.dtype), 0, 1)
    return np.ascontiguousarray(gray, dtype=np.float32)


def colour_of_array(array: Array, *, name: str, max_pixels: int = MAX_PIXELS) -> npt.NDArray[np.float32]:
    """Turn an array to red, green and blue; see ``gray_of_array``."""
    _check_array(array, name, max_pixels)
    values = array.astype(np.float32)
    if array.dtype == np.uint8:
        values /= np.float32(255)
    return np.repeat(values[..., None], 3, axis=2) if values.ndim == 2 else np.ascontiguousarray(values)


def luma(colours: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the gray of red, green and blue, float32 (h, w, 3), 0..1."""
    return np.ascontiguousarray(np.clip(colours @ np.asarray(LUMA, np.float32), 0, 1))


def _check_array(array: Array, name: str, max_pixels: int) -> None:
    if array.ndim not in (2, 3) or array.shape[2:] not in ((), (3,)) or not array.size:
        raise ImageError(
            f"{name}: an array of shape {array.shape}, expected gray (h, w) or RGB (h, w, 3)",
            remedy="drop other axes; lay transparent pixels on white",
        )
    if array.shape[0] * array.shape[1] > max_pixels:
        raise ImageError(
            f"{name}: too many pixels ({array.shape[1]} x {array.shape[0]} px; at most {max_pixels} are read)",
            remedy=CROP,
        )
    if array.dtype == np.uint8:
        return
    if not np.issubdtype(array.dtype, np.floating):
        raise ImageError(
            f"{name}: an array of {array.dtype}, expected uint8 0..255 or floating 0..1",
            remedy="divide by what is white, as float32",
        )
    low, high = float(array.min()), float(array.max())
    # With NaN every comparison is false.
    if not (low >= 0 and high <= 1):
        raise ImageError(
            f"{name}: floating pixels from {low:g} to {high:g}, expected 0 (black) to 1 (white)",
            remedy="divide by what is white",
        )


def _content(read: Any, name: str, limit: int) -> bytes:
    try:
        data = read(limit + 1)
    except OSError as error:
        raise ImageError(f"{name}: cannot be read ({error})", remedy="open it again") from error
    except UnicodeDecodeError as error:
        raise _text_mode(name) from error
    if not isinstance(data, bytes):
        raise _text_mode(name)
    return data


def _text_mode(name: str) -> UsageError:
    return UsageError(f"{name}: opened as text", remedy="open it in binary mode: open(path, 'rb')")
