from __future__ import annotations

import io
import json
import os
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from inkport.commands import _output, _reader
from inkport.core.runtime import Availability


BLOCK = (480, 560)
"""Columns of the one dark block in ``picture``: ten frames of 8 px."""


def picture(gray: int = 0) -> Image.Image:
    """Twice the network's height of white paper with one block of ``gray``: one symbol for the fake runtime."""
    pixels = np.full((96, 1024), 255, np.uint8)
    pixels[:, slice(*BLOCK)] = gray
    return Image.fromarray(pixels)


@pytest.fixture(autouse=True)
def fake(register, onnx_artifact, monkeypatch):
    """The fake runtime, with a bundled artifact for it."""
    (runtime,) = register(("fake", {}))
    monkeypatch.setattr(_reader, "bundled_artifacts", lambda: (onnx_artifact,))
    return runtime


@pytest.fixture
def images(tmp_path):
    """Two readable images: ``é`` (black) and ``c`` (dark gray)."""
    picture(0).save(tmp_path / "black.png")
    picture(73).save(tmp_path / "gray.png")
    return tmp_path / "black.png", tmp_path / "gray.png"


def test_one_image_gives_its_text_alone(inkport, fake, images):
    assert inkport("read", images[0]) == (0, "é\n", "")
    assert fake.closed == 1


def test_several_images_give_path_and_text_in_order(inkport, images):
    black, gray = images
    run = inkport("read", gray, black, gray)
    assert run == (0, f"{gray}\td\n{black}\té\n{gray}\td\n", "")


def test_json_says_what_was_read_where_and_with_what(inkport, images, onnx_artifact):
    run = inkport("read", "--format=json", *images)
    first, second = json.loads(run.out)
    assert (run.code, run.err) == (0, "")
    assert (first["image"], first["text"], second["text"]) == (str(images[0]), "é", "d")
    assert (first["runtime"], first["artifact"]) == ("fake", {"sha256": onnx_artifact.digest})
    (symbol,) = first["symbols"]
    assert symbol["symbol"] == "é"
    assert (symbol["x0_px"], symbol["x1_px"]) == BLOCK
    assert (symbol["first_frame"], symbol["last_frame"]) == (60, 69)
    assert first["confidence"] == symbol["confidence"] == pytest.approx(np.exp(9) / (np.exp(9) + 7), abs=1e-5)
    assert symbol["gap"] == 9


def test_json_of_an_empty_line_has_no_confidence(inkport, tmp_path):
    Image.new("L", (200, 64), 255).save(tmp_path / "blank.png")
    (record,) = json.loads(inkport("read", "--format=json", tmp_path / "blank.png").out)
    assert (record["text"], record["confidence"], record["symbols"]) == ("", None, [])


def test_places_are_those_of_the_image_as_it_is_displayed(inkport, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture().transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    (record,) = json.loads(inkport("read", "--format=json", tmp_path / "turned.png").out)
    assert record["symbols"][0]["x0_px"] == BLOCK[0]


def bomb() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def encoded(image: Image.Image, form: str = "PNG") -> bytes:
    out = io.BytesIO()
    image.save(out, form)
    return out.getvalue()


BAD = {
    "no image": (b"hello", "not an image"),
    "truncated PNG": (encoded(picture())[:-40], "damaged image"),
    "truncated JPEG": (encoded(picture(), "JPEG")[:-400], "damaged image"),
    "empty": (b"", "0 bytes"),
    "one pixel": (encoded(Image.new("L", (1, 1))), "at least 8 px"),
    "too wide": (encoded(Image.new("L", (20_000, 64))), "at most 2048"),
    "upright": (encoded(picture().transpose(Image.Transpose.ROTATE_90)), "left to right"),
    "bomb": (bomb(), "too many pixels"),
    "float": (encoded(Image.fromarray(np.ones((64, 64), np.float32)), "TIFF"), "white is not defined"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("form", [(), ("--format=json",)])
def test_a_bad_image_is_one_sentence_with_its_fix(inkport, tmp_path, case, form):
    content, says = BAD[case]
    (tmp_path / "bad.png").write_bytes(content)
    run = inkport("read", tmp_path / "bad.png", *form)
    assert run.code == 2
    assert run.out == ("[]\n" if form else "")
    message, fix = run.err.splitlines()
    assert message.startswith(f"inkport: {tmp_path / 'bad.png'}: ")
    assert says in f"{message} {fix}"
    assert fix.startswith("fix: ")


@pytest.mark.parametrize("name", ["absent.png", "."])
def test_a_path_that_is_no_file_is_one_sentence_with_its_fix(inkport, tmp_path, name):
    run = inkport("read", tmp_path / name)
    assert (run.code, run.out) == (2, "")
    assert run.err.startswith(f"inkport: {tmp_path / name}: ")
    assert "\nfix: " in run.err


@pytest.mark.parametrize("mode", ["1", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_kind_of_pixel_reads_alike(inkport, tmp_path, mode):
    image = picture()
    converted = Image.fromarray(np.asarray(image).astype(np.uint16) * 257) if mode == "I;16" else image.convert(mode)
    converted.save(tmp_path / "line.tif")
    assert inkport("read", tmp_path / "line.tif") == (0, "é\n", "")


def test_the_other_images_are_read_when_one_is_bad(inkport, images, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"hello")
    black, gray = images
    run = inkport("read", black, tmp_path / "bad.png", gray)
    assert (run.code, run.out) == (2, f"{black}\té\n{gray}\td\n")
    assert run.err.count("inkport: ") == 1
    assert [
        record["text"] for record in json.loads(inkport("read", "--format=json", black, tmp_path / "bad.png").out)
    ] == ["é"]


def test_a_model_can_be_named(inkport, register, onnx_artifact, images):
    register(("fake", {}))
    assert inkport("read", images[0], "--model", onnx_artifact.path) == (0, "é\n", "")


def test_a_model_that_is_not_there(inkport, images, tmp_path):
    run = inkport("read", images[0], "--model", tmp_path / "absent")
    assert (run.code, run.out) == (2, "")
    assert "fix: " in run.err


def test_a_tampered_model_is_refused(inkport, onnx_artifact, images):
    (onnx_artifact.path / "model.onnx").write_bytes(b"other")
    run = inkport("read", images[0], "--model", onnx_artifact.path)
    assert (run.code, run.out) == (2, "")
    assert "SHA-256" in run.err


def test_the_runtime_is_the_first_by_name_that_can(inkport, register, onnx_artifact, images):
    runtimes = register(
        ("zeta", {}),
        ("delta", {}),
        ("alpha", {"formats": ("openvino",)}),
        ("beta", {"availability": Availability(ok=False, reason="no driver", remedy="install the driver")}),
        ("broken", ImportError("libacme.so")),
    )
    arguments = ("read", images[0], "--format=json", "--model", onnx_artifact.path)
    assert json.loads(inkport(*arguments).out)[0]["runtime"] == "delta"
    assert json.loads(inkport(*arguments, "--runtime", "zeta", "--threads", "3").out)[0]["runtime"] == "zeta"
    assert [runtime.threads for runtime in runtimes[:4]] == [[3], [1], [], []]


def test_no_runtime_for_the_model(inkport, register, onnx_artifact, images):
    register(
        ("beta", {"availability": Availability(ok=False, reason="no driver", remedy="install the driver")}),
        ("other", {"formats": ("openvino",)}),
        ("broken", ImportError("libacme.so")),
    )
    run = inkport("read", images[0], "--model", onnx_artifact.path)
    assert (run.code, run.out) == (3, "")
    assert "beta: no driver" in run.err
    assert "libacme.so" in run.err
    assert "fix: install the driver" in run.err


def test_no_runtime_at_all(inkport, register, onnx_artifact, images):
    register()
    run = inkport("read", images[0], "--model", onnx_artifact.path)
    assert run.code == 3
    assert "none is registered" in run.err
    assert "fix: " in run.err


@pytest.mark.parametrize(("name", "code"), [("nonsense", 2), ("absent", 3)])
def test_a_runtime_that_cannot_be_had(inkport, register, images, name, code):
    register(("fake", {}), ("absent", {"availability": Availability(ok=False, reason="no driver", remedy="buy one")}))
    run = inkport("read", images[0], "--runtime", name)
    assert (run.code, run.out) == (code, "")
    assert "fix: " in run.err


@pytest.mark.parametrize("threads", [0, -1])
def test_impossible_threads(inkport, images, threads):
    run = inkport("read", images[0], f"--threads={threads}")
    assert (run.code, run.out) == (2, "")
    assert "threads must be at least 1" in run.err


def test_without_an_image(inkport):
    assert inkport("read").code == 2


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such file names")
def test_a_file_name_that_is_no_utf8_is_printed_escaped(inkport, tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    picture().save(path)
    assert inkport("read", path, path).out == f"{tmp_path}/caf\\udce9.png\té\n" * 2
    assert json.loads(inkport("read", path, "--format=json").out)[0]["image"] == str(path)


def test_light_ink_on_dark_paper_is_read_with_a_warning(inkport, images, tmp_path):
    Image.eval(picture(0), lambda value: 255 - value).save(tmp_path / "inverted.png")
    run = inkport("read", tmp_path / "inverted.png", images[0])
    assert run.code == 0
    assert len(run.out.splitlines()) == 2
    (warning,) = run.err.splitlines()
    assert warning.startswith(f"warning: {tmp_path / 'inverted.png'}: the paper is darker than the ink")


def test_a_page_is_read_with_a_warning(inkport, tmp_path):
    pixels = np.full((900, 800), 255, np.uint8)
    for top in range(60, 840, 60):
        pixels[top : top + 24, 60:740:6] = 0
    Image.fromarray(pixels).save(tmp_path / "page.png")
    run = inkport("read", tmp_path / "page.png")
    assert run.code == 0
    assert "looks like a page and not like one line (800 x 900 px, about 13 rows of writing" in run.err


def test_threads_that_share_a_processor_give_a_warning(inkport, images, monkeypatch):
    monkeypatch.setattr(_output, "count_processors", lambda: 1.0)
    run = inkport("read", images[0], "--threads", 4)
    assert (run.code, run.out) == (0, "é\n")
    assert run.err.startswith("warning: 4 threads share 1 processor: ")
