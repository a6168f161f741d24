"""An image reads alike however it is handed in, and what holds none is refused with its reason."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkport.core.errors import ImageError, UsageError
from inkport.core.image import load_gray
from inkport.core.sources import colour_of, gray_of, luma, name_of


@pytest.fixture
def colours(rng):
    return rng.integers(0, 256, (24, 60, 3), dtype=np.uint8)


@pytest.fixture
def file(colours, tmp_path):
    Image.fromarray(colours).save(tmp_path / "line.png")
    return tmp_path / "line.png"


def gray(source, **others):
    return gray_of(source, name="line", **others)


def test_every_way_to_hand_in_an_image_gives_the_same_gray(file, colours):
    expected = load_gray(file)
    data = file.read_bytes()
    with file.open("rb") as opened:
        assert np.array_equal(gray(opened), expected)
    for source in (file, str(file), data, bytearray(data), memoryview(data), io.BytesIO(data), Image.open(file)):
        assert np.array_equal(gray(source), expected), type(source)
    assert np.array_equal(gray(Image.fromarray(colours)), expected)
    assert np.array_equal(gray(colours), expected)
    assert np.array_equal(gray(colours[::2, ::-1][::-1]), load_gray_of(colours[::2, ::-1][::-1]))


def load_gray_of(pixels):
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, "PNG")
    return load_gray(out.getvalue())


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floating_arrays_are_scaled_from_0_to_1(colours, dtype):
    plain = gray(colours[:, :, 0])
    found = gray((colours[:, :, 0] / 255).astype(dtype))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, plain, atol=1e-3)
    # In colour, files round the gray to 8 bits; arrays of floats do not.
    np.testing.assert_allclose(gray((colours / 255).astype(dtype)), gray(colours), atol=4e-3)
    assert gray(np.ones((24, 60, 3), dtype)).max() <= 1


def test_neither_an_array_nor_an_image_is_changed(colours):
    kept, image = colours.copy(), Image.fromarray(colours).convert("RGBA")
    image.putalpha(90)
    before = image.tobytes()
    gray(colours)
    gray(image)
    assert np.array_equal(colours, kept)
    assert (image.mode, image.tobytes()) == ("RGBA", before)


REFUSED = {
    "channels": (np.zeros((20, 60, 4), np.uint8), "shape (20, 60, 4)"),
    "channels first": (np.zeros((3, 20, 60), np.uint8), "shape (3, 20, 60)"),
    "one axis": (np.zeros(60, np.uint8), "shape (60,)"),
    "empty": (np.zeros((0, 60), np.uint8), "shape (0, 60)"),
    "16 bits": (np.zeros((20, 60), np.uint16), "an array of uint16"),
    "flags": (np.zeros((20, 60), bool), "an array of bool"),
    "objects": (np.full((20, 60), None), "an array of object"),
    "0 to 255": (np.full((20, 60), 255.0), "floating pixels from 255 to 255"),
    "below 0": (np.full((20, 60), -0.5), "from -0.5"),
    "not a number": (np.full((20, 60), np.nan), "floating pixels from nan"),
    "infinite": (np.full((20, 60), np.inf), "inf"),
    "too large": (np.zeros((200, 600), np.uint8), "600 x 200 px; at most 100000 are read"),
    "large picture": (Image.new("L", (600, 200)), "600 x 200 px; at most 100000 are read"),
    "mode F": (Image.new("F", (60, 20)), "white is not defined"),
    "mode I": (Image.new("I", (60, 20)), "white is not defined"),
    "not an image": (b"hello", "not an image"),
    "no bytes": (b"", "0 bytes"),
    "no file": (Path("absent.png"), "no such file"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_image_of_a_line_is_refused_with_its_reason(case):
    source, says = REFUSED[case]
    with pytest.raises(ImageError) as caught:
        gray(source, max_pixels=100_000)
    assert caught.value.message.startswith("line: ")
    assert says in caught.value.message
    assert caught.value.remedy


def test_a_picture_with_several_frames_is_refused(tmp_path):
    frames = [Image.new("L", (60, 20), shade) for shade in (0, 255)]
    frames[0].save(tmp_path / "two.gif", save_all=True, append_images=frames[1:])
    with Image.open(tmp_path / "two.gif") as image, pytest.raises(ImageError, match="several pictures"):
        gray(image)


def test_a_truncated_picture_is_refused_when_it_is_decoded(file):
    with pytest.raises(ImageError, match="damaged image"):
        gray(Image.open(io.BytesIO(file.read_bytes()[:-60])))


@pytest.mark.parametrize("source", [None, 7, [1, 2], object()])
def test_what_can_hold_no_image_is_a_wrong_request(source):
    with pytest.raises(UsageError, match="is no image"):
        gray(source)


def test_a_file_opened_as_text_says_how_to_open_it(file):
    with file.open(encoding="utf-8") as opened, pytest.raises(UsageError, match="binary mode"):
        gray(opened)
    with pytest.raises(UsageError, match="binary mode"):
        gray(io.StringIO("text"))


def test_no_more_of_a_file_object_is_read_than_an_image_may_have():
    class Endless:
        asked = 0

        def read(self, size):
            self.asked += size
            return bytes(size)

    endless = Endless()
    with pytest.raises(ImageError, match="larger than"):
        gray(endless, max_pixels=1000)
    assert endless.asked < 2_000_000


def test_errors_name_paths_files_and_numbers(file):
    with file.open("rb") as opened, Image.open(file) as image:
        names = [name_of(source, 3) for source in (file, str(file), opened, image, b"", np.zeros(1))]
    assert names == [str(file)] * 4 + ["image 3"] * 2


def test_every_way_to_hand_in_an_image_gives_the_same_colours(file, colours):
    expected = colours.astype(np.float32) / np.float32(255)
    data = file.read_bytes()
    for source in (file, str(file), data, io.BytesIO(data), Image.open(file), colours, colours / np.float32(255)):
        np.testing.assert_array_equal(colour_of(source, name="line"), expected)
    np.testing.assert_array_equal(colour_of(colours[:, :, 0], name="line"), np.repeat(expected[:, :, :1], 3, axis=2))
    np.testing.assert_allclose(luma(expected), load_gray(file), atol=4e-3)
    with pytest.raises(ImageError, match="an array of shape"):
        colour_of(colours[None], name="line")
