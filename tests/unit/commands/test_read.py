from __future__ import annotations

import io
import json
import os
import struct
import sys
import zlib

import jsonschema
import numpy as np
import pytest
from PIL import Image

from inkport.benchmarks.report.schema import READING_FILE
from inkport.commands import _output
from inkport.core.recogniser import Recogniser
from inkport.core.runtime import Availability
from inkport.lines.source import read_lines


BLOCK = (480, 560)
"""Columns of the one dark block in ``picture``: ten frames of 8 px."""


def picture(gray: int = 0) -> Image.Image:
    """Twice the network's height of white paper with one block of ``gray``: one symbol for the fake runtime."""
    pixels = np.full((96, 1024), 255, np.uint8)
    pixels[:, slice(*BLOCK)] = gray
    return Image.fromarray(pixels)


pytestmark = pytest.mark.usefixtures("fake")


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
    assert "--invert" in warning
    assert inkport("read", tmp_path / "inverted.png", "--invert") == (0, "é\n", "")


def test_a_page_is_read_with_a_warning(inkport, tmp_path):
    pixels = np.full((900, 800), 255, np.uint8)
    for top in range(60, 840, 60):
        pixels[top : top + 24, 60:740:6] = 0
    Image.fromarray(pixels).save(tmp_path / "page.png")
    run = inkport("read", tmp_path / "page.png")
    assert run.code == 0
    assert "looks like a page and not like one line (800 x 900 px, about 13 rows of writing" in run.err


def test_a_warning_is_an_exit_code_when_that_is_asked_for(inkport, images, tmp_path):
    Image.eval(picture(0), lambda value: 255 - value).save(tmp_path / "inverted.png")
    assert inkport("read", *images, "--strict").code == 0
    run = inkport("read", *images, tmp_path / "inverted.png", "--strict")
    assert run.code == 2
    assert len(run.out.splitlines()) == 3
    assert run.err.endswith("inkport: --strict: 1 image with a warning\n")


def test_an_unsure_text_is_a_warning(inkport, register, images):
    register(("fake", {"gap": 2.0}))
    run = inkport("read", images[0])
    assert (run.code, run.out) == (0, "é\n")
    assert f"warning: {images[0]}: read with a confidence of 0.51, below 0.62" in run.err
    register(("fake", {"gap": 2.0}))
    assert inkport("read", images[0], "--min-confidence", 0.5) == (0, "é\n", "")


@pytest.mark.parametrize("value", ["-0.1", "1.1", "nan"])
def test_an_impossible_confidence(inkport, images, value):
    assert inkport("read", images[0], f"--min-confidence={value}")[:2] == (2, "")


def test_folders_and_patterns_stand_for_their_images_in_order(inkport, images, tmp_path):
    (tmp_path / "inner").mkdir()
    picture(73).save(tmp_path / "inner" / "deep.png")
    (tmp_path / "notes.txt").write_text("no image")
    black, gray = images
    deep = tmp_path / "inner" / "deep.png"
    assert inkport("read", tmp_path) == (0, f"{black}\té\n{gray}\td\n", "")
    assert inkport("read", tmp_path / "*.png") == (0, f"{black}\té\n{gray}\td\n", "")
    assert inkport("read", tmp_path / "**" / "*.png") == (0, f"{black}\té\n{gray}\td\n{deep}\td\n", "")
    # One image, but nobody named it.
    assert inkport("read", tmp_path / "inner") == (0, f"{deep}\td\n", "")


def test_a_bracket_in_a_name_is_no_pattern(inkport, tmp_path):
    picture(0).save(tmp_path / "line[1].png")
    assert inkport("read", tmp_path / "line[1].png") == (0, "é\n", "")


def test_a_pattern_or_folder_without_an_image_is_reported_and_the_others_are_read(inkport, images, tmp_path):
    (tmp_path / "empty").mkdir()
    run = inkport("read", tmp_path / "*.jpg", tmp_path / "empty", images[0])
    assert (run.code, run.out) == (2, f"{images[0]}\té\n")
    assert "*.jpg: no file fits this pattern" in run.err
    assert "empty: no image here" in run.err
    assert run.err.count("fix: ") == 2


def test_a_hyphen_is_standard_input(inkport, images, monkeypatch):
    def piped(data):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    piped(images[0].read_bytes())
    assert inkport("read", "-") == (0, "é\n", "")
    piped(images[0].read_bytes())
    assert inkport("read", "-", images[1]) == (0, f"-\té\n{images[1]}\td\n", "")
    piped(b"")
    run = inkport("read", "-")
    assert (run.code, run.out) == (2, "")
    assert "-: the file is empty (0 bytes)" in run.err


def test_what_looks_like_an_option_is_no_image(inkport, images):
    run = inkport("read", images[0], "--nosuch")
    assert (run.code, run.out) == (2, "")
    assert "unknown option --nosuch" in run.err
    assert run.err.count("fix: ") == 1


def test_each_line_of_jsonl_is_a_record_of_the_list(inkport, images):
    records = json.loads(inkport("read", "--format=json", *images).out)
    lines = inkport("read", "--format=jsonl", *images).out.splitlines()
    assert [json.loads(line) for line in lines] == records
    for document in (records, *records, []):
        jsonschema.validate(document, json.loads(READING_FILE.read_text(encoding="utf-8")))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(
            [{**records[0], "confidence": "high"}], json.loads(READING_FILE.read_text(encoding="utf-8"))
        )


def test_a_record_says_what_is_doubtful(inkport, tmp_path):
    Image.eval(picture(0), lambda value: 255 - value).save(tmp_path / "inverted.png")
    (record,) = json.loads(inkport("read", "--format=json", tmp_path / "inverted.png").out)
    jsonschema.validate(record, json.loads(READING_FILE.read_text(encoding="utf-8")))
    assert [warning["kind"] for warning in record["warnings"]] == ["inverted"]


def test_tab_separated_values_have_a_head_and_make_a_manifest(inkport, images, tmp_path):
    Image.eval(picture(0), lambda value: 255 - value).save(tmp_path / "a\tb.png")
    run = inkport("read", "--format=tsv", tmp_path / "a\tb.png", images[1])
    head, first, second = (row.split("\t") for row in run.out.splitlines())
    assert head == ["image", "text", "confidence", "warnings"]
    assert (first[0], first[3]) == (f"{tmp_path}/a\\tb.png", "inverted")
    assert second == [str(images[1]), "d", f"{np.exp(9) / (np.exp(9) + 7):.6f}", ""]
    rows = inkport("read", "--format=tsv", *images).out
    (tmp_path / "read.tsv").write_text(rows, encoding="utf-8")
    assert [(line.image, line.text) for line in read_lines([tmp_path / "read.tsv"])] == [
        (images[0], "é"),
        (images[1], "d"),
    ]


def test_results_appear_as_they_are_read(inkport, images, monkeypatch):
    """Before the second image is opened, the first is printed."""
    black, gray = images
    original = Recogniser.read

    def read(self, image, **others):
        if image == gray:
            raise KeyboardInterrupt
        return original(self, image, **others)

    monkeypatch.setattr(Recogniser, "read", read)
    for form in ("text", "jsonl", "tsv"):
        run = inkport("read", black, gray, f"--format={form}")
        assert run.code == 130
        assert "é" in run.out
    # A list that is not whole is no document.
    assert inkport("read", black, gray, "--format=json").out == ""


def test_the_old_option_says_what_it_is_called(inkport, images):
    run = inkport("read", images[0], "--json")
    assert json.loads(run.out)[0]["text"] == "é"
    assert run.err == "warning: --json is now --format json; it works for one more release\n"
    assert "--json" not in inkport("read", "--help").out


def test_threads_that_share_a_processor_give_a_warning(inkport, images, monkeypatch):
    monkeypatch.setattr(_output, "count_processors", lambda: 1.0)
    run = inkport("read", images[0], "--threads", 4)
    assert (run.code, run.out) == (0, "é\n")
    assert run.err.startswith("warning: 4 threads share 1 processor: ")
