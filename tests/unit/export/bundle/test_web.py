"""The ES module of a web bundle, in Node, against Python: the same bytes, labels, texts and confidences."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
import subprocess
import tomllib
import zlib
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkport.benchmarks.run.telling import FOLDER as TELLING, telling_lines
from inkport.core.artifact import find_lm
from inkport.core.beam import load_beam
from inkport.core.ctc import greedy
from inkport.core.image import load_pixels
from inkport.core.preprocess import normalise, prepare_bytes, to_bytes
from inkport.core.registry import open_session, probe
from inkport.export.bundle.pictures import KINDS
from inkport.export.bundle.sources import write_web
from inkport.lines.source import read_lines
from inkport.runtimes.javascript import modules_folder


COUNT = 16
"""Sample lines that are read here; tests/embed reads all."""
AWKWARD = ((48, 300), (47, 90), (9, 31), (8, 60), (200, 2200), (411, 97), (31, 1024))
"""Heights and widths that shrink, stay and grow, evenly and not."""
FAULTS = tomllib.loads(Path(__file__).with_name("faults-web.toml").read_text(encoding="utf-8"))
FIRST = {(fault["stage"], fault.get("line")): name for name, fault in reversed(FAULTS.items())}
"""A fault for each stage and check, which is always tried; all of them take many seconds."""


@pytest.fixture(scope="module")
def web(bundle, tmp_path_factory):
    """The web bundle of the model, whose modules hold the faults, each only where it is asked for."""
    if not (found := probe("ort-node")).ok:
        pytest.skip(found.reason)
    folder = tmp_path_factory.mktemp("bundle") / "web"
    for part in ("model", "golden"):
        shutil.copytree(bundle / part, folder / part)
    for file in ("specification.txt", "lm.inklm"):
        shutil.copyfile(bundle / file, folder / file)
    write_web(folder)
    (folder / "node_modules").symlink_to(modules_folder().resolve() / "node_modules")
    for name, fault in FAULTS.items():
        file, right, wrong = folder / "inkport" / f"{fault['file']}.mjs", fault["right"], fault["wrong"]
        text = file.read_text(encoding="utf-8")
        assert text.count(right) == 1, f"{name}: {right!r} stands {text.count(right)} times in {file.name}"
        end = ";" if right.endswith(";") else ""
        choice = f"(globalThis.planted === {name!r} ? ({wrong.rstrip(';')}) : ({right.rstrip(';')})){end}"
        file.write_text(text.replace(right, choice), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def ask(web, tmp_path_factory):
    """Run the driver with a request; JPEG files are decoded here, by Pillow, and left as they are stored."""
    folder = tmp_path_factory.mktemp("ask")

    def ask(op, *, files=(), **request):
        jpegs = {}
        for file in [*map(Path, files), *web.glob("golden/*/*.jpg")]:
            data = file.read_bytes()
            if data.startswith(b"\xff\xd8"):
                digest = hashlib.sha256(data).hexdigest()
                image = Image.open(file)
                image = image if image.mode == "L" else image.convert("RGB")
                (folder / digest).write_bytes(image.tobytes())
                layout = "gray8" if image.mode == "L" else "rgb8"
                jpegs[digest] = {
                    "file": str(folder / digest),
                    "width": image.width,
                    "height": image.height,
                    "layout": layout,
                }
        body = {"op": op, "bundle": str(web), "jpegs": jpegs, "files": [str(file) for file in files], **request}
        (folder / "request.json").write_text(json.dumps(body), encoding="utf-8")
        command = ["node", str(Path(__file__).with_name("driver.mjs")), str(folder / "request.json")]
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    return ask


@pytest.fixture(scope="module")
def lines(samples):
    return list(islice(read_lines([samples]), 0, None, 300 // COUNT))[:COUNT]


@pytest.fixture(scope="module")
def logits(model, lines):
    """By the engine that the module computes with."""
    if not (found := probe("ort-node")).ok:
        pytest.skip(found.reason)
    spec = model.spec.preprocess
    with open_session(model, runtime="ort-node") as session:
        return [session.run(normalise(prepare_bytes(to_bytes(line.pixels()), spec), spec))[0] for line in lines]


@pytest.fixture(scope="module")
def faults(ask):
    return ask("faults", names=["", *FIRST.values()])


def check_tensors(readings, out, expected):
    for index, (reading, wanted) in enumerate(zip(readings, expected, strict=True)):
        made = np.frombuffer(Path(f"{out}.{index}").read_bytes(), np.uint8).reshape(reading["shape"])
        assert np.array_equal(made, wanted)


def check_readings(readings, expected):
    """Texts and frames equal, confidences within 1e-5."""
    assert [reading["text"] for reading in readings] == [reading.text for reading in expected]
    for found, wanted in zip(readings, expected, strict=True):
        symbols = [(chr(s["codePoint"]), s["firstFrame"], s["lastFrame"]) for s in found["symbols"]]
        assert symbols == [(e.symbol, e.first_frame, e.last_frame) for e in wanted.emissions]
        for name in ("confidence", "gap"):
            values = [getattr(e, name) for e in wanted.emissions]
            assert [s[name] for s in found["symbols"]] == pytest.approx(values, abs=1e-5)


def test_sample_lines_are_read_as_by_python(ask, model, lines, logits, tmp_path):
    readings = ask("read", files=[line.image for line in lines], out=str(tmp_path / "t"))
    spec = model.spec.preprocess
    check_tensors(readings, tmp_path / "t", [prepare_bytes(to_bytes(line.pixels()), spec)[0, 0] for line in lines])
    check_readings(readings, [greedy(rows, model.spec.charset) for rows in logits])


def test_a_language_model_gives_pythons_texts(ask, model, lines, logits, tmp_path):
    readings = ask("read", files=[line.image for line in lines], out=str(tmp_path / "t"), lm=True)
    beam = load_beam(find_lm(Path("fr-en")), model)
    expected = [beam(rows, model.spec.charset) for rows in logits]
    assert sum(a.text != greedy(rows, model.spec.charset).text for a, rows in zip(expected, logits, strict=True)) > 1
    check_readings(readings, expected)


def test_noise_and_awkward_files_are_equal_to_the_byte(ask, model, lines, rng, tmp_path):
    files = []
    for height, width in AWKWARD:
        files.append(tmp_path / f"{height}-{width}.png")
        Image.fromarray(rng.integers(0, 256, (height, width), dtype=np.uint8)).save(files[-1])
    for name, kind in KINDS.items():
        files.append(tmp_path / f"{name}{Path(kind.file).suffix}")
        files[-1].write_bytes(kind.encode(to_bytes(lines[0].pixels())))
    readings = ask("read", files=files, out=str(tmp_path / "t"))
    expected = [prepare_bytes(to_bytes(load_pixels(file)), model.spec.preprocess)[0, 0] for file in files]
    check_tensors(readings, tmp_path / "t", expected)


def _depths(rng):
    """PNG files of every colour type and depth that Pillow writes, of noise, with what is transparent in them."""
    gray = rng.integers(0, 256, (20, 61), dtype=np.uint8)
    colour = rng.integers(0, 256, (20, 61, 4), dtype=np.uint8)
    yield "gray with a transparent level", Image.fromarray(gray), {"transparency": int(gray[0, 0])}
    rgb = Image.fromarray(colour[..., :3])
    yield "colour with a transparent one", rgb, {"transparency": tuple(map(int, colour[0, 0, :3]))}
    yield "translucent colour", Image.fromarray(colour), {}
    yield "translucent gray", Image.fromarray(colour[..., :2]), {}
    yield (
        "16 bits with a transparent level",
        Image.fromarray(gray.astype(np.uint16) * 251),
        {"transparency": int(gray[0, 0]) * 251},
    )
    for bits in (1, 2, 4, 8):
        palette = rgb.quantize(2**bits)
        yield f"palette of {bits} bits", palette, {"bits": bits, "transparency": bytes(range(0, 200, 13))[: 2**bits]}
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "turned", Image.fromarray(gray), {"exif": exif}


def _interlaced(gray):
    """An interlaced PNG file, which Pillow does not write: seven passes, each row unfiltered."""
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    rows = b"".join(
        b"\0" + row.tobytes() for left, top, across, down in passes for row in gray[top::down, left::across] if row.size
    )
    header = struct.pack(">IIBBBBB", gray.shape[1], gray.shape[0], 8, 0, 0, 0, 1)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def test_png_files_of_every_colour_type_are_pythons(ask, model, rng, tmp_path):
    files = [tmp_path / "interlaced.png"]
    files[0].write_bytes(_interlaced(rng.integers(0, 256, (21, 61), dtype=np.uint8)))
    for name, image, options in _depths(rng):
        files.append(tmp_path / f"{name}.png")
        image.save(files[-1], **options)
    readings = ask("read", files=files, out=str(tmp_path / "t"))
    expected = [prepare_bytes(to_bytes(load_pixels(file)), model.spec.preprocess)[0, 0] for file in files]
    check_tensors(readings, tmp_path / "t", expected)


def test_pixels_are_read_in_every_layout_and_turned(ask, bundle, tmp_path):
    golden = bundle / "golden" / "colour"
    rgb = np.asarray(Image.open(golden / "line.png"))
    opaque = np.full((*rgb.shape[:2], 1), 255, np.uint8)
    gray = np.asarray(Image.open(golden / "gray.pgm"))
    layouts = {
        "gray8": gray,
        "grayAlpha8": np.concatenate([gray[..., None], opaque], axis=-1),
        "rgb8": rgb,
        "bgr8": rgb[..., ::-1],
        "rgba8": np.concatenate([rgb, opaque], axis=-1),
        "bgra8": np.concatenate([rgb[..., ::-1], opaque], axis=-1),
    }
    images = []
    for layout, pixels in layouts.items():
        (tmp_path / layout).write_bytes(np.rot90(pixels).tobytes())
        images.append({"file": str(tmp_path / layout), "width": pixels.shape[0], "height": pixels.shape[1]})
        images[-1].update(layout=layout, orientation=6)
    assert ask("pixels", images=images) == [(golden / "text.txt").read_text(encoding="utf-8")] * len(layouts)


def test_the_self_test_finds_nothing_wrong(faults):
    assert faults[""] is None


@pytest.mark.parametrize("name", ["specification.txt", "model/model.onnx"])
def test_golden_values_of_another_model_or_specification_are_refused(ask, web, tmp_path, name):
    other = tmp_path / "web"
    shutil.copytree(web, other, symlinks=True)
    with (other / name).open("ab") as file:
        file.write(b"# more\n" if name.endswith(".txt") else b"\xfa\x7f\x01x")
    (found,) = ask("faults", names=[""], bundle=str(other)).values()
    assert (found["stage"], found["line"]) == ("bundle", name)
    assert hashlib.sha256((other / name).read_bytes()).hexdigest()[:12] in found["detail"]


def check_fault(found, fault, bundle):
    assert found["stage"] == FAULTS[fault]["stage"]
    assert found["line"] == FAULTS[fault].get("line", found["line"])
    assert "line" in FAULTS[fault] or (bundle / "golden" / found["line"]).is_dir()
    assert found["detail"]


@pytest.mark.parametrize("fault", FIRST.values())
def test_the_self_test_names_the_stage(faults, bundle, fault):
    check_fault(faults[fault], fault, bundle)


@pytest.mark.slow
def test_the_self_test_names_the_stage_of_every_fault(ask, bundle):
    for fault, found in ask("faults", names=list(FAULTS)).items():
        check_fault(found, fault, bundle)


@pytest.fixture(scope="module")
def misread(ask, tmp_path_factory):
    """Return the ids of the telling lines that the module reads otherwise than they are written, with a fault."""

    def misread(fault=""):
        lines = telling_lines()
        out = str(tmp_path_factory.mktemp("telling") / "t")
        readings = ask("read", files=[line.image for line in lines], out=out, planted=fault)
        return {line.id for line, found in zip(lines, readings, strict=True) if found.get("text") != line.text}

    return misread


def test_without_a_fault_every_telling_line_is_read(misread):
    assert misread() == set()


@pytest.mark.parametrize("fault", [name for name, fault in FAULTS.items() if "telling" in fault])
def test_a_fault_in_preparing_changes_the_text_of_all_lines_that_tell_of_it(misread, fault):
    head, *rows = (row.split("\t") for row in (TELLING / "lines.tsv").read_text(encoding="utf-8").splitlines())
    wanted = {row[0] for row in rows if row[head.index("shows")] == FAULTS[fault]["telling"]}
    assert wanted
    assert wanted <= misread(fault)


def test_what_is_not_understood_is_refused(ask, bundle, tmp_path):
    text = (bundle / "specification.txt").read_text(encoding="utf-8")
    changes = {
        "format 2, this module reads 1": ("format = 1", "format = 2"),
        "resampling triangle-v1, expected triangle-v2": ("triangle-v2", "triangle-v1"),
        "height = tall, expected a whole number": ("height = 48", "height = tall"),
        "odd is not known": ("stride = 4", "stride = 4\nodd = 1"),
        "no value for stride": ("stride = 4\n", ""),
        "two lines for stride": ("stride = 4\n", "stride = 4\nstride = 4\n"),
    }
    assert all(old in text for old, _ in changes.values())
    lm = (bundle / "lm.inklm").read_bytes()
    damaged = {
        "is cut off": lm[:-1],
        "was cut": lm[:50],
        "no language model": b"no" + lm,
        "has format 7": lm[:8] + b"\7" + lm[9:],
        "order": lm[:12] + b"\1" + lm[13:],
    }
    for name, data in damaged.items():
        (tmp_path / name).write_bytes(data)
    found = ask(
        "refuse",
        specifications=[text.replace(*change) for change in changes.values()],
        models=[str(tmp_path / name) for name in damaged],
    )
    for words, message in zip(changes, found["specifications"], strict=True):
        assert message.startswith("InkportError: ")
        assert words in message
    assert all(message.startswith("InkportError: ") and "language model" in message for message in found["models"])


def test_a_file_that_cannot_be_read_leaves_the_others(ask, bundle, tmp_path):
    whole = bundle / "golden" / "plain" / "line.png"
    data = whole.read_bytes()
    (tmp_path / "cut.png").write_bytes(data[:200])
    (tmp_path / "flipped.png").write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    (tmp_path / "text.txt").write_text("no image")
    Image.new("L", (4000, 48), 255).save(tmp_path / "long.png")
    Image.new("L", (7, 48), 255).save(tmp_path / "narrow.png")
    names = {
        "cut.png": "cut off",
        "flipped.png": "damaged",
        "text.txt": "no PNG",
        "long.png": "cut it",
        "narrow.png": "at least 8 px",
    }
    readings = ask("read", files=[*(tmp_path / name for name in names), whole], out=str(tmp_path / "t"))
    for words, reading in zip(names.values(), readings, strict=False):
        assert words in reading["error"]
    assert readings[-1]["text"] == (whole.parent / "text.txt").read_text(encoding="utf-8")
