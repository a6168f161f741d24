"""Pages out of files: every kind, and what is wrong with one leaves the others alone."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from inkport.core.errors import RuntimeUnavailableError
from inkport.pages.inputs import PageFault, PageImage, open_pages
from inkport.pages.pdf_in import DRAWN_PIXELS, scale_of


def picture(seed: int = 0, size=(120, 80)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1] // 8, size[0] // 8), np.uint8)
    return Image.fromarray(pixels.repeat(8, axis=0).repeat(8, axis=1))


def opened(path, **kwargs):
    """What came of a file: identifiers and pixels of pages, sentences of faults."""
    return [
        (page.id, page.number, page.gray()) if isinstance(page, PageImage) else str(page.error)
        for page in open_pages(path, **kwargs)
    ]


@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP", "BMP"])
def test_an_image_is_a_page_with_the_name_of_its_file(form, tmp_path):
    kwargs = {"lossless": True} if form == "WEBP" else {}
    picture().convert("RGB").save(tmp_path / "scan.x", form, **kwargs)
    ((name, number, pixels),) = opened(tmp_path / "scan.x")
    assert (name, number) == ("scan", 1)
    assert (pixels == np.asarray(picture())).all()


@pytest.mark.parametrize("suffix", ["jpg", "tif", "png"])
def test_exif_is_applied_once(suffix, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture().transpose(Image.Transpose.ROTATE_90).save(tmp_path / f"a.{suffix}", exif=exif, quality=100)
    ((_, _, pixels),) = opened(tmp_path / f"a.{suffix}")
    assert pixels.shape == (80, 120)
    assert np.abs(pixels.astype(int) - np.asarray(picture())).max() <= 3


def test_a_tiff_file_has_pages_of_any_kind_and_its_previews_are_none(tmp_path):
    others = [picture(1).convert("RGB"), picture(2).convert("1"), picture(3)]
    others[2].encoderinfo = {"tiffinfo": {254: 1}}
    deep = Image.fromarray(np.asarray(picture(4)).astype(np.uint16) * 257)
    picture(0).save(tmp_path / "a.tif", save_all=True, append_images=[*others, deep], compression="tiff_lzw")
    found = opened(tmp_path / "a.tif")
    assert [page[:2] for page in found] == [("a-1", 1), ("a-2", 2), ("a-3", 3), ("a-4", 4)]
    for (_, _, pixels), expected in zip(found, (picture(0), picture(1), others[1], picture(4)), strict=True):
        assert (pixels == np.asarray(expected.convert("L"))).all()


def test_a_damaged_page_of_a_tiff_file_leaves_the_others(tmp_path):
    buffer = io.BytesIO()
    picture(0).save(buffer, "TIFF", save_all=True, append_images=[picture(1), picture(2)], compression="tiff_lzw")
    data = bytearray(buffer.getvalue())
    with Image.open(io.BytesIO(data)) as image:
        image.seek(1)
        start = image.tag_v2[273][0]
    data[start : start + 40] = bytes(40)
    (tmp_path / "a.tif").write_bytes(data)
    first, second, third = opened(tmp_path / "a.tif")
    assert (first[0], third[0]) == ("a-1", "a-3")
    assert "a.tif, page 2: damaged image" in second
    assert (third[2] == np.asarray(picture(2))).all()


def test_a_tiff_file_that_ends_early_says_so_behind_its_whole_pages(tmp_path):
    buffer = io.BytesIO()
    picture(0).save(buffer, "TIFF", save_all=True, append_images=[picture(1), picture(2)])
    (tmp_path / "a.tif").write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    *pages, fault = opened(tmp_path / "a.tif")
    assert pages[0][0] == "a-1"
    assert "damaged image" in fault


def test_an_image_with_too_many_pixels_is_refused_before_it_is_decoded(tmp_path):
    Image.new("1", (12_000, 10_000)).save(tmp_path / "a.png")
    ((sentence),) = opened(tmp_path / "a.png")
    assert "too many pixels (12000 x 10000 px; at most 100000000" in sentence
    assert "fewer dots per inch" in sentence
    assert opened(tmp_path / "a.png", max_pixels=120_000_000)[0][2].shape == (10_000, 12_000)


def test_what_is_no_file_or_no_image_is_one_sentence(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"hello")
    (tmp_path / "empty.pdf").write_bytes(b"")
    for name, says in (
        ("a.jpg", "not an image"),
        ("empty.pdf", "0 bytes"),
        ("absent.pdf", "No such file"),
        (".", "folder"),
    ):
        (sentence,) = opened(tmp_path / name)
        assert says in sentence
        assert "\nfix: " in sentence


def test_the_content_counts_and_not_the_name(tmp_path):
    picture().save(tmp_path / "scan.pdf", "PNG")
    assert opened(tmp_path / "scan.pdf")[0][0] == "scan"
    assert opened(tmp_path / "-", data=(tmp_path / "scan.pdf").read_bytes())[0][0] == "page"
    exif = Image.Exif()
    exif[0x010E] = "%PDF-1.4"
    picture().save(tmp_path / "a.jpg", exif=exif)
    assert opened(tmp_path / "a.jpg")[0][0] == "a"


# PDF


@pytest.fixture
def pdf(tmp_path):
    """Writes a file with pages of these sizes in points, each with a black block in a place of its own."""
    pikepdf = pytest.importorskip("pikepdf", reason="the extra documents")
    pytest.importorskip("pypdfium2", reason="the extra pdf")

    def write(*sizes, name="a.pdf", **kwargs):
        made = pikepdf.new()
        for number, (width, height) in enumerate(sizes):
            made.add_blank_page(page_size=(width, height))
            page = made.pages[-1]
            page.obj.Contents = made.make_stream(f"{10 + number} 10 20 30 re f".encode())
        made.save(tmp_path / name, **kwargs)
        return tmp_path / name

    return write


def test_pages_of_a_pdf_file_are_drawn_at_300_dots_per_inch(pdf):
    first, second = opened(pdf((144, 72), (72, 144)))
    assert [page[:2] for page in (first, second)] == [("a-1", 1), ("a-2", 2)]
    for (_, _, pixels), left in ((first, 10), (second, 11)):
        rows, columns = np.nonzero(pixels < 128)
        scale = 300 / 72
        assert columns.min() == pytest.approx(left * scale, abs=1)
        assert columns.max() + 1 == pytest.approx((left + 20) * scale, abs=1)
        assert rows.max() + 1 == pytest.approx(pixels.shape[0] - 10 * scale, abs=1.5)


def test_a_page_as_large_as_a_house_is_drawn_with_fewer_dots(pdf):
    large, strip, small = opened(pdf((14_400, 14_400), (3, 14_400), (72, 72)))
    assert large[2].size <= DRAWN_PIXELS * 1.001
    assert "no shape of a page" in strip
    assert small[:2] == ("a-3", 3)
    assert scale_of(600, 800, 10**9) == 300 / 72


def test_pixels_of_a_page_are_limited_as_asked(pdf):
    ((_, _, pixels),) = opened(pdf((600, 800)), max_pixels=480_000)
    assert pixels.shape == (800, 600)


def test_an_encrypted_file_says_so(pdf):
    import pikepdf

    path = pdf((72, 72), encryption=pikepdf.Encryption(owner="o", user="u"))
    (sentence,) = opened(path)
    assert "encrypted" in sentence
    assert "fix: save it without a password" in sentence
    # One that anybody may read is read.
    assert opened(pdf((72, 72), encryption=pikepdf.Encryption(owner="o", user="")))[0][0] == "a-1"


def test_a_file_that_ends_early_is_not_guessed_at(pdf):
    path = pdf((72, 72), (72, 72))
    data = path.read_bytes()
    for length in (len(data) - 20, len(data) // 2, 100, 8):
        path.write_bytes(data[:length])
        (sentence,) = opened(path)
        assert "ends early" in sentence


@pytest.mark.parametrize("body", [b"hello", b"xref\n0 0\ntrailer << /Root 9 0 R >>"])
def test_a_hostile_file_is_one_sentence(body, tmp_path):
    pytest.importorskip("pypdfium2", reason="the extra pdf")
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7\n" + body + b"\nstartxref\n0\n%%EOF\n")
    (sentence,) = opened(tmp_path / "a.pdf")
    assert sentence.startswith(f"{tmp_path / 'a.pdf'}")
    assert "\nfix: " in sentence


def test_memory_stays_flat_over_many_pages(pdf):
    path = pdf(*[(300, 400)] * 60)
    code = (
        "import sys, resource; from pathlib import Path; from inkport.pages.inputs import open_pages\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "pages = open_pages(Path(sys.argv[1]))\n"
        "for _ in range(10): next(pages).gray()\n"
        "early = peak()\n"
        "count = sum(1 for page in pages if page.gray().any())\n"
        "print(count, peak() - early)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    count, grown_kib = map(int, done.stdout.split())
    assert count == 50
    # A page takes 8 MiB here.
    assert grown_kib < 24 << 10


# HEIC


def test_a_photograph_of_a_telephone_is_turned_once(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif", reason="the extra heic")
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = picture().convert("RGB").transpose(Image.Transpose.ROTATE_90)
    pillow_heif.from_pillow(stored).save(tmp_path / "a.heic", exif=exif.tobytes(), quality=-1)
    ((name, _, pixels),) = opened(tmp_path / "a.heic")
    assert (name, pixels.shape) == ("a", (80, 120))
    assert np.abs(pixels.astype(int) - np.asarray(picture())).mean() < 4
    (sentence,) = opened(tmp_path / "a.heic", max_pixels=5_000)
    assert "too many pixels (120 x 80 px" in sentence
    data = (tmp_path / "a.heic").read_bytes()
    (tmp_path / "a.heic").write_bytes(data[: len(data) // 2])
    (sentence,) = opened(tmp_path / "a.heic")
    assert "damaged image" in sentence


HEAD = {"heic": ("pillow_heif", b"\0\0\0\x18ftypheic"), "pdf": ("pypdfium2", b"%PDF-1.4\n%%EOF")}


@pytest.mark.parametrize("extra", HEAD)
def test_without_its_package_the_error_names_the_extra(extra, tmp_path, monkeypatch):
    module, head = HEAD[extra]
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / "a").write_bytes(head)
    with pytest.raises(RuntimeUnavailableError) as caught:
        list(open_pages(tmp_path / "a"))
    assert caught.value.remedy == f"pip install 'inkport[{extra}]'"


def test_faults_name_their_file(tmp_path):
    (fault,) = open_pages(tmp_path / "absent.png")
    assert isinstance(fault, PageFault)
    assert fault.source == tmp_path / "absent.png"
