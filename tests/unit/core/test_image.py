from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageDraw

from inkport.core import image as image_module
from inkport.core.errors import ImageError
from inkport.core.image import load_gray


def picture(width: int = 200, height: int = 64) -> Image.Image:
    """Dark text on light paper, different in every corner, no pure black or white."""
    image = Image.new("L", (width, height), 230)
    draw = ImageDraw.Draw(image)
    draw.text((5, 20), "line of text", fill=20)
    draw.rectangle((0, 0, 10, 5), fill=90)
    return image


def encode(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *, extra: bytes = b"") -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff(bits: int, photometric: int, data: bytes, *, width: int = 16, height: int = 8) -> bytes:
    """A little-endian gray TIFF with one strip."""
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, photometric), (273, 8)]
    tags += [(277, 1), (278, height), (279, len(data))]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(tags)) + entries + bytes(4)


def gray_of(image: Image.Image) -> np.ndarray:
    return np.asarray(image, dtype=np.float32) / 255


def refused(source, says: str) -> ImageError:
    with pytest.raises(ImageError, match=says) as caught:
        load_gray(source, name="page 7")
    assert caught.value.message.startswith("page 7: ")
    assert "\n" not in caught.value.message
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "PPM", "GIF"])
def test_lossless_gray_is_exact(form):
    np.testing.assert_array_equal(load_gray(encode(picture(), form)), gray_of(picture()))


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "JPEG2000"])
def test_lossy_gray_is_close(form):
    found = load_gray(encode(picture(), form))
    assert found.shape == (64, 200)
    assert np.abs(found - gray_of(picture())).mean() < 0.05


def test_colour_becomes_bt601_luma():
    image = Image.new("RGB", (16, 8), (200, 100, 50))
    assert load_gray(encode(image)) == pytest.approx((0.299 * 200 + 0.587 * 100 + 0.114 * 50) / 255, abs=0.5 / 255)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "CMYK"])
def test_colour_modes_of_a_gray_picture_give_that_picture(mode):
    found = load_gray(encode(picture().convert(mode), "TIFF"))
    np.testing.assert_allclose(found, gray_of(picture()), atol=1.01 / 255)


def test_cmyk_jpeg_is_not_inverted():
    found = load_gray(encode(picture().convert("CMYK"), "JPEG", quality=95))
    assert np.abs(found - gray_of(picture())).mean() < 0.03


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparent_pixels_show_white_paper(mode):
    image = picture().convert(mode)
    alpha = Image.new("L", image.size, 255)
    alpha.paste(0, (0, 0, 100, 64))
    alpha.paste(128, (100, 0, 110, 64))
    image.putalpha(alpha)
    found, plain = load_gray(encode(image)), gray_of(picture())
    assert (found[:, :100] == 1).all()
    np.testing.assert_allclose(found[:, 100:110], 1 - (1 - plain[:, 100:110]) * 128 / 255, atol=1.01 / 255)
    np.testing.assert_array_equal(found[:, 110:], plain[:, 110:])


@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_palettes(form):
    image = picture().convert("RGB").quantize(16)
    plain = np.asarray(image.convert("RGB").convert("L")) / np.float32(255)
    np.testing.assert_array_equal(load_gray(encode(image, form)), plain)
    entry = image.getpixel((3, 3))
    found = load_gray(encode(image, form, transparency=entry))
    assert (found[np.asarray(image) == entry] == 1).all()
    np.testing.assert_array_equal(found[np.asarray(image) != entry], plain[np.asarray(image) != entry])


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_a_transparent_colour_shows_white_paper(mode):
    image = Image.new(mode, (16, 8), "white")
    image.paste("black", (0, 0, 8, 8))
    found = load_gray(encode(image, transparency=(0, 0, 0) if mode == "RGB" else 0))
    assert (found == 1).all()


def test_one_bit():
    image = picture().point(lambda v: 255 * (v > 128)).convert("1")
    for form in ("PNG", "TIFF", "PPM"):
        np.testing.assert_array_equal(load_gray(encode(image, form)), np.asarray(image).astype(np.float32))


@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM"])
def test_16_bit_gray_keeps_its_depth(form):
    values = np.linspace(0, 65535, 16 * 64).astype(np.uint16).reshape(16, 64)
    found = load_gray(encode(Image.fromarray(values), form))
    np.testing.assert_allclose(found, values / np.float32(65535), atol=1e-6)


def test_16_bit_gray_with_a_transparent_value():
    rows = b"".join(b"\0" + struct.pack(">16H", *[1234] * 8, *[40000] * 8) for _ in range(8))
    found = load_gray(png(16, 8, 16, 0, rows, extra=chunk(b"tRNS", struct.pack(">H", 1234))))
    assert (found[:, :8] == 1).all()
    assert found[:, 8:] == pytest.approx(40000 / 65535)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_every_exif_orientation_is_undone(orientation, form):
    # Transposing what the tag undoes: 6 and 8 are each other's inverse, the others their own.
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    stored = picture() if orientation == 1 else picture().transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95}}.get(form, {})
    found = load_gray(encode(stored, form, exif=exif, **lossless))
    assert found.shape == (64, 200)
    assert np.abs(found - gray_of(picture())).mean() < 0.02


@pytest.mark.parametrize(
    "data", [b"hello", b"\x89PNG\r\n\x1a\n", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"\0" * 99]
)
def test_what_is_no_image_is_refused(data):
    refused(data, "not an image|damaged")


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "a.png").touch()
    refused(tmp_path / "a.png", "0 bytes")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "BMP", "PPM", "WEBP", "JPEG2000"])
def test_a_truncated_file_is_refused_or_complete(form):
    """Cut anywhere: either an error, or every pixel of the whole file (only trailing bytes were lost)."""
    whole = encode(picture(80, 24), form)
    plain = load_gray(whole)
    errors = 0
    for keep in range(1, len(whole), max(1, len(whole) // 150)):
        try:
            found = load_gray(whole[:keep])
        except ImageError:
            errors += 1
        else:
            np.testing.assert_array_equal(found, plain)
    assert errors > 50


def test_a_flipped_bit_in_a_png_is_refused_or_harmless():
    whole = encode(picture())
    plain = load_gray(whole)
    for position in range(8, len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1
        try:
            found = load_gray(bytes(damaged))
        except ImageError:
            continue
        np.testing.assert_array_equal(found, plain)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP", "JPEG2000", "PPM"])
def test_noise_in_a_file_raises_nothing_but_image_errors(form, rng):
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {"exif": exif} if form in {"PNG", "JPEG", "TIFF", "WEBP"} else {}
    whole = encode(picture(40, 16), form, **options)
    for _ in range(150):
        damaged = bytearray(whole)
        for position in rng.integers(0, len(whole), rng.integers(1, 6)):
            damaged[position] = rng.integers(0, 256)
        try:
            found = load_gray(bytes(damaged))
        except ImageError:
            continue
        assert found.dtype == np.float32
        assert 0 <= found.min() <= found.max() <= 1


@pytest.mark.parametrize("side", [9000, 60000, 2**31 - 1])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(side):
    error = refused(png(side, side, 8, 0, b"\0"), "too many pixels")
    assert "crop" in error.remedy


def test_a_file_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(image_module, "REST_BYTES", 100)
    (tmp_path / "a.png").write_bytes(encode(picture()))
    for source in (tmp_path / "a.png", encode(picture())):
        with pytest.raises(ImageError, match="larger than 180 bytes"):
            load_gray(source, max_pixels=10)


@pytest.mark.parametrize(
    ("data", "mode"),
    [
        (encode(Image.fromarray(np.full((8, 16), 0.5, np.float32)), "TIFF"), "F"),
        (encode(Image.fromarray(np.full((8, 16), 200, np.int32)), "TIFF"), "I"),
        (tiff(12, 1, b"\xff" * 192), "I;16"),
        (tiff(16, 0, b"\0" * 256), "I;16"),
    ],
)
def test_pixels_without_a_defined_white_are_refused(data, mode):
    error = refused(data, f"mode {mode} whose white is not defined")
    assert "8-bit" in error.remedy


def test_16_bit_colour_with_a_transparent_colour_is_refused():
    rows = b"".join(b"\0" + struct.pack(">48H", *[40000] * 48) for _ in range(8))
    refused(png(16, 8, 16, 2, rows, extra=chunk(b"tRNS", struct.pack(">3H", 156, 156, 156))), "transparent colour")


@pytest.mark.parametrize("form", ["TIFF", "GIF", "PNG", "WEBP"])
def test_more_than_one_picture_is_refused(form):
    second = picture().transpose(Image.Transpose.ROTATE_180)
    refused(encode(picture(), form, save_all=True, append_images=[second]), "holds several pictures")


def test_a_phones_mpo_gives_its_photograph():
    second = picture().transpose(Image.Transpose.ROTATE_180)
    found = load_gray(encode(picture(), "MPO", save_all=True, append_images=[second], quality=95))
    assert np.abs(found - gray_of(picture())).mean() < 0.02


def test_paths_that_cannot_be_read(tmp_path):
    refused(tmp_path / "absent.png", "no such file")
    refused(tmp_path, "a folder")
    refused(tmp_path / ("x" * 300), "cannot be read")


def test_a_file_without_permission(tmp_path, monkeypatch):
    def deny(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    # Root may read everything, so the system cannot be asked.
    monkeypatch.setattr(image_module, "read_bytes", deny)
    error = refused(tmp_path / "a.png", "permission denied")
    assert "chmod" in error.remedy


def test_the_path_names_the_image_by_default(tmp_path):
    with pytest.raises(ImageError, match=r"absent\.png"):
        load_gray(tmp_path / "absent.png")
