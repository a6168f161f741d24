"""The Java core of an Android bundle, compiled here, against Python: the same bytes, labels, texts and confidences."""

from __future__ import annotations

import runpy
import shutil
import struct
import tomllib
import zlib
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkport.core.ctc import greedy
from inkport.core.image import load_pixels
from inkport.core.preprocess import normalise, prepare_bytes, to_bytes
from inkport.core.registry import open_session
from inkport.export.bundle.pictures import KINDS, TURNS
from inkport.lines.source import read_lines


JAVA = runpy.run_path(str(Path(__file__).parents[3] / "java" / "core.py"))
CoreError = JAVA["CoreError"]
FAULTS = tomllib.loads(Path(__file__).with_name("faults-java.toml").read_text(encoding="utf-8"))
COUNT = 12
"""Sample lines that are read here; tests/embed reads all."""
SIZES = ((64, 700), (48, 300), (47, 90), (9, 31), (8, 60), (200, 2200), (411, 97), (31, 1024))
"""Heights and widths that shrink, stay and grow, evenly and not."""
JPEG_LEVELS = 1
"""By how much gray of JPEG files may differ: ImageIO has a JPEG decoder of its own."""


@pytest.fixture(scope="module")
def folder(bundle, tmp_path_factory):
    """Specification and golden/, to be damaged."""
    folder = tmp_path_factory.mktemp("bundle") / "android"
    shutil.copytree(bundle / "golden", folder / "golden")
    shutil.copyfile(bundle / "specification.txt", folder / "specification.txt")
    return folder


@pytest.fixture(scope="module")
def core(folder, model, tmp_path_factory):
    """The core with every fault in it, each only where it is asked for."""
    core = JAVA["JavaCore"](folder, model, tmp_path_factory.mktemp("java"), FAULTS)
    yield core
    core.close()


@pytest.fixture(scope="module")
def lines(samples):
    return list(islice(read_lines([samples]), 0, None, 300 // COUNT))[:COUNT]


def opaque(gray):
    """Gray as 0xAARRGGBB."""
    return gray.astype(np.uint32) * 0x10101 | np.uint32(0xFF000000)


def check_file(core, model, file):
    gray, tensor = core.prepare("file", file)
    assert np.array_equal(gray, to_bytes(load_pixels(file))), file.name
    assert np.array_equal(tensor, prepare_bytes(gray, model.spec.preprocess)[0, 0]), file.name


def test_sample_lines_are_read_as_by_python(core, model, lines):
    spec = model.spec.preprocess
    with open_session(model, runtime="onnxruntime") as session:
        for line in lines:
            check_file(core, model, line.image)
            logits = session.run(normalise(prepare_bytes(to_bytes(line.pixels()), spec), spec))[0]
            wanted = greedy(logits, model.spec.charset)
            text, confidence, gap, *symbols = core.ask("read", line.image)
            assert text == wanted.text
            found = [tuple(map(float, symbol.split(" "))) for symbol in symbols]
            frames = [(ord(e.symbol), e.first_frame, e.last_frame) for e in wanted.emissions]
            assert [symbol[:3] for symbol in found] == frames
            assert [symbol[3] for symbol in found] == pytest.approx([e.confidence for e in wanted.emissions], abs=1e-5)
            assert [symbol[4] for symbol in found] == pytest.approx([e.gap for e in wanted.emissions], abs=1e-4)
            assert float(confidence) == pytest.approx(np.mean([e.confidence for e in wanted.emissions]), abs=1e-5)
            assert float(gap) == pytest.approx(wanted.gap, abs=1e-4)


def test_tensors_of_noise_are_equal_to_the_byte_at_every_scale(core, model, rng):
    for height, width in SIZES:
        noise = rng.integers(0, 256, (height, width), dtype=np.uint8)
        gray, tensor = core.pixels(opaque(noise))
        assert np.array_equal(gray, noise)
        assert np.array_equal(tensor, prepare_bytes(noise, model.spec.preprocess)[0, 0]), (height, width)


def test_translucent_colours_are_grays_of_python(core, rng, tmp_path):
    layers = rng.integers(0, 256, (64, 300, 4), dtype=np.uint8)
    Image.fromarray(layers).save(tmp_path / "layers.png")
    red, green, blue, alpha = (layers[..., channel].astype(np.uint32) for channel in range(4))
    gray, _ = core.pixels(alpha << 24 | red << 16 | green << 8 | blue)
    assert np.array_equal(gray, to_bytes(load_pixels(tmp_path / "layers.png")))
    layers.tofile(tmp_path / "layers")
    rgba, _ = core.prepare("rgba", tmp_path / "layers", 300, 64, 1)
    assert np.array_equal(rgba, gray)


@pytest.mark.parametrize("orientation", TURNS)
def test_pixels_are_turned_upright(core, rng, orientation):
    upright = rng.integers(0, 256, (40, 120), dtype=np.uint8)
    stored = np.asarray(Image.fromarray(upright).transpose(TURNS[orientation]))
    gray, _ = core.pixels(opaque(stored), orientation)
    assert np.array_equal(gray, upright)


def test_files_of_every_kind_have_pythons_bytes(core, model, lines, tmp_path):
    for name, kind in KINDS.items():
        file = tmp_path / f"{name}{Path(kind.file).suffix}"
        file.write_bytes(kind.encode(to_bytes(lines[0].pixels())))
        if file.suffix == ".png":
            check_file(core, model, file)
        else:
            gray, _ = core.prepare("file", file)
            difference = np.abs(gray.astype(int) - to_bytes(load_pixels(file)))
            assert difference.max() <= JPEG_LEVELS, name


def _png_files(rng):
    """PNG files of every colour type and depth that Pillow writes, of noise, with what is transparent in them."""
    gray = rng.integers(0, 256, (20, 61), dtype=np.uint8)
    colour = rng.integers(0, 256, (20, 61, 4), dtype=np.uint8)
    deep = Image.fromarray(gray.astype(np.uint16) * 251)
    rgb = Image.fromarray(colour[..., :3])
    yield Image.fromarray(gray), {"transparency": int(gray[0, 0])}
    yield rgb, {"transparency": tuple(map(int, colour[0, 0, :3]))}
    yield Image.fromarray(colour), {}
    yield Image.fromarray(colour[..., :2]), {}
    yield deep, {"transparency": int(gray[0, 0]) * 251}
    for bits in (1, 2, 4, 8):
        yield rgb.quantize(2**bits), {"bits": bits, "transparency": bytes(range(0, 200, 13))[: 2**bits]}
    for endian in "<>":
        exif = Image.Exif()
        exif.endian = endian
        exif[0x0112] = 6
        yield Image.fromarray(gray), {"exif": exif}


def _chunks(*chunks):
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def _interlaced(gray):
    """An interlaced PNG file, which Pillow does not write: seven passes, each row unfiltered."""
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    rows = b"".join(
        b"\0" + row.tobytes() for left, top, across, down in passes for row in gray[top::down, left::across] if row.size
    )
    header = struct.pack(">IIBBBBB", gray.shape[1], gray.shape[0], 8, 0, 0, 0, 1)
    return _chunks((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))


def _filtered(colour):
    """A PNG file of RGB whose rows take turns in all five filters, which no encoder does."""
    height, width = colour.shape[:2]
    bounded = np.zeros((height + 1, width + 1, 3), dtype=np.int64)
    bounded[1:, 1:] = colour
    left, up, corner = bounded[1:, :-1], bounded[:-1, 1:], bounded[:-1, :-1]
    guess = left + up - corner
    far = np.stack([np.abs(guess - near) for near in (left, up, corner)]).argmin(axis=0)
    predicted = [np.zeros_like(left), left, up, (left + up) // 2, np.choose(far, [left, up, corner])]
    rows = b"".join(
        bytes([y % 5]) + (colour[y] - predicted[y % 5][y]).astype(np.uint8).tobytes() for y in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return _chunks((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))


def test_png_files_of_every_colour_type_are_pythons(core, model, rng, tmp_path):
    (tmp_path / "interlaced.png").write_bytes(_interlaced(rng.integers(0, 256, (21, 61), dtype=np.uint8)))
    (tmp_path / "filtered.png").write_bytes(_filtered(rng.integers(0, 256, (21, 61, 3), dtype=np.uint8)))
    for index, (image, options) in enumerate(_png_files(rng)):
        image.save(tmp_path / f"{index}.png", **options)
    files = sorted(tmp_path.glob("*.png"))
    assert len(files) == 13
    for file in files:
        check_file(core, model, file)


@pytest.mark.parametrize("endian", "<>")
def test_the_orientation_of_photos_is_found_in_either_byte_order(core, rng, endian, tmp_path):
    exif = Image.Exif()
    exif.endian = endian
    exif[0x010F], exif[0x0112] = "maker", 8
    file = tmp_path / "photo.jpg"
    Image.fromarray(rng.integers(0, 256, (120, 40), dtype=np.uint8)).save(file, exif=exif)
    assert {b"<": b"II", b">": b"MM"}[endian.encode()] in file.read_bytes()[:40]
    assert core.prepare("file", file)[0].shape == (40, 120)


def test_the_self_test_finds_nothing_wrong(core):
    assert len(core.ask("test", "", JPEG_LEVELS)) == 1


@pytest.mark.parametrize("fault", FAULTS)
def test_the_self_test_names_the_stage(core, fault):
    _, stage, line, detail = core.ask("test", fault, JPEG_LEVELS)
    assert stage == FAULTS[fault]["stage"]
    assert line
    assert detail


@pytest.fixture
def damaged(folder):
    """Return what replaces a file of golden/ for one test."""
    kept = {}

    def damage(name, change):
        file = folder / "golden" / name
        kept[file] = file.read_bytes()
        file.write_bytes(change(kept[file]))

    yield damage
    for file, data in kept.items():
        file.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "change", "stage"),
    [
        ("long/tensor.pgm", lambda data: data[:-1] + bytes([data[-1] ^ 1]), "tensor"),
        ("colour/ids.txt", lambda data: data[1:], "ids"),
        ("plain/confidences.txt", lambda data: b"0.1" + data[data.index(b" ") :], "confidence"),
        ("small/text.txt", lambda data: data + b" ", "text"),
        ("plain/line.png", lambda data: data[:100], "gray"),
    ],
)
def test_each_stage_is_held_to_its_golden_value(core, damaged, name, change, stage):
    damaged(name, change)
    assert core.ask("test", "", JPEG_LEVELS)[1:3] == [stage, name.split("/")[0]]


def test_golden_files_that_are_damaged_are_said_so(core, damaged):
    damaged("plain/gray.pgm", lambda data: data[:-1])
    with pytest.raises(CoreError, match="pixels"):
        core.ask("test", "", JPEG_LEVELS)
    damaged("lines.txt", lambda _: b"")
    with pytest.raises(CoreError, match=r"lines\.txt"):
        core.ask("test", "", JPEG_LEVELS)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("format = 1", "format = 2"), "the only one that these classes read"),
        (("triangle-v2", "triangle-v1"), "resampling triangle-v1, expected triangle-v2"),
        (("height = 48", "height = tall"), "height = tall, expected a whole number"),
        (("stride = 4", "stride = 4\nodd = 1"), "odd is not known"),
        (("stride = 4\n", ""), "no value for stride"),
        (("stride = 4\n", "stride = 4\nstride = 4\n"), "two lines for stride"),
        (("stride = 4\n", "stride = 3\n"), "do not fit one another"),
    ],
)
def test_a_specification_that_is_not_understood_is_refused(core, folder, tmp_path, change, words):
    text = (folder / "specification.txt").read_text(encoding="utf-8")
    assert change[0] in text
    (tmp_path / "specification.txt").write_text(text.replace(*change), encoding="utf-8")
    with pytest.raises(CoreError, match=words):
        core.ask("specification", tmp_path / "specification.txt")


def _without(kind):
    """A small PNG file without one of its chunks."""
    header = struct.pack(">IIBBBBB", 20, 20, 8, 3, 0, 0, 0)
    rows = zlib.compress(bytes(20 * 21))
    chunks = ((b"IHDR", header), (b"PLTE", bytes(3)), (b"IDAT", rows), (b"IEND", b""))
    return _chunks(*(chunk for chunk in chunks if chunk[0] != kind))


def _enormous():
    header = struct.pack(">IIBBBBB", 1 << 14, 1 << 14, 8, 0, 0, 0, 0)
    return _chunks((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"no image", "no PNG"),
        (_without(b"IHDR"), "no header"),
        (_without(b"PLTE"), "no palette"),
        (_without(b"IDAT"), "cut off"),
        (_without(b"IEND"), "cut off"),
        (_without(b"none")[:60] + b"?" + _without(b"none")[61:], "damaged"),
        (_enormous(), "cut off"),
    ],
)
def test_a_file_that_cannot_be_read_leaves_the_others(core, folder, tmp_path, data, words):
    (tmp_path / "file.png").write_bytes(data)
    with pytest.raises(CoreError, match=words):
        core.ask("read", tmp_path / "file.png")
    golden = folder / "golden" / "plain"
    assert core.ask("read", golden / "line.png")[0] == (golden / "text.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("size", "words"), [((4000, 48), "cut it"), ((7, 48), "at least 8 px"), ((9, 400), "left to right")]
)
def test_lines_that_do_not_fit_are_refused(core, tmp_path, size, words):
    Image.new("L", size, 255).save(tmp_path / "line.png")
    with pytest.raises(CoreError, match=words):
        core.ask("read", tmp_path / "line.png")
