"""The C++ bundle as somebody has it who got nothing else: built by its README, on sample lines and awkward files."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkport.benchmarks.checks.kit.check import check_kit
from inkport.benchmarks.checks.kit.make import KitOptions, make_kit
from inkport.benchmarks.checks.kit.runner import run_kit
from inkport.benchmarks.run.request import Request
from inkport.commands._request import provider
from inkport.core.artifact import find_lm
from inkport.core.beam import load_beam
from inkport.core.ctc import greedy
from inkport.core.image import load_pixels
from inkport.core.preprocess import normalise, prepare_bytes, to_bytes
from inkport.core.registry import open_session
from inkport.core.target import Precision, Target
from inkport.export.bundle.pictures import KINDS
from inkport.lines.audit import audit_for


def logits_of(model, lines):
    return logits_of_files(model, [line.image for line in lines])


def logits_of_files(model, files):
    spec = model.spec.preprocess
    with open_session(model, runtime="onnxruntime") as session:
        return [session.run(normalise(prepare_bytes(to_bytes(load_pixels(file)), spec), spec))[0] for file in files]


def texts(said):
    return [row.split("\t", 1)[1] for row in said.splitlines() if not row.startswith("  U+")]


def confidences(said):
    return [float(row.split("\t")[3]) for row in said.splitlines() if row.startswith("  U+")]


def check_texts(said, readings):
    assert texts(said) == [reading.text for reading in readings]
    expected = [emission.confidence for reading in readings for emission in reading.emissions]
    assert confidences(said) == pytest.approx(expected, abs=1e-5)


def test_at_most_ten_commands_print_a_line(commands):
    bundle, words, done = commands
    assert len(words) <= 10
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == (bundle / "golden" / "plain" / "text.txt").read_text()
    assert re.fullmatch(r"all stages are right \(\d+ ms\)", done.stdout.splitlines()[-2])


def test_tensors_of_all_sample_lines_are_equal_to_the_byte(read, bundle, int8, lines, tmp_path):
    read("--tensor", tmp_path, bundle, *(line.image for line in lines))
    for index, line in enumerate(lines):
        wanted = prepare_bytes(to_bytes(line.pixels()), int8.spec.preprocess)[0, 0]
        assert np.array_equal(np.asarray(Image.open(tmp_path / f"{index}.pgm")), wanted), line.id


def test_awkward_files_are_equal_to_the_byte(read, bundle, int8, lines, tmp_path):
    files = []
    for name, kind in KINDS.items():
        for line in lines[::50]:
            data = kind.encode(to_bytes(line.pixels()))
            files.append(tmp_path / f"{name}-{line.id}{Path(kind.file).suffix}")
            files[-1].write_bytes(data)
    assert (len(KINDS), len(files)) >= (18, 108)
    (tmp_path / "out").mkdir()
    read("--tensor", tmp_path / "out", bundle, *files)
    for index, file in enumerate(files):
        wanted = prepare_bytes(to_bytes(load_pixels(file)), int8.spec.preprocess)[0, 0]
        assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / f"{index}.pgm")), wanted), file.name


def test_real_lines_are_read_as_by_python(read, port, real, tmp_path):
    model, folder = port
    read("--tensor", tmp_path, folder, *real)
    for index, file in enumerate(real):
        wanted = prepare_bytes(to_bytes(load_pixels(file)), model.spec.preprocess)[0, 0]
        assert np.array_equal(np.asarray(Image.open(tmp_path / f"{index}.pgm")), wanted), file.name
    expected = [greedy(rows, model.spec.charset) for rows in logits_of_files(model, real)]
    assert sum(bool(reading.text) for reading in expected) > len(real) / 2
    check_texts(read("--symbols", folder, *real), expected)


def test_texts_of_all_sample_lines_are_pythons(read, port, lines):
    model, folder = port
    images, logits, charset = [line.image for line in lines], logits_of(model, lines), model.spec.charset
    check_texts(read("--symbols", folder, *images), [greedy(rows, charset) for rows in logits])
    beam = load_beam(find_lm(Path("fr-en")), model)
    check_texts(
        read("--symbols", "--lm", folder / "lm.inklm", folder, *images), [beam(rows, charset) for rows in logits]
    )


def test_the_c_interface_reads_and_tests_itself(bundle, library):
    c = ctypes.CDLL(str(bundle / "build" / "libinkport.so"))
    for name in ("inkport_open", "inkport_read", "inkport_symbols"):
        getattr(c, name).restype = ctypes.c_void_p
    c.inkport_text.restype, c.inkport_confidence.restype = ctypes.c_char_p, ctypes.c_float
    error = ctypes.create_string_buffer(200)
    assert c.inkport_open(b"/nowhere", None, 1, error, len(error)) is None
    assert b"/nowhere" in error.value
    recogniser = ctypes.c_void_p(c.inkport_open(os.fsencode(bundle), os.fsencode(library), 1, error, len(error)))
    assert recogniser.value, error.value

    golden = bundle / "golden" / "colour"
    pixels = np.asarray(Image.open(golden / "line.png"))
    height, width = pixels.shape[:2]
    padded = np.zeros((height, width + 5, 3), np.uint8)
    padded[:, :width] = pixels[..., ::-1]
    bgr, upright = 3, 1
    reading = ctypes.c_void_p(
        c.inkport_read(
            recogniser,
            padded.ctypes.data_as(ctypes.c_void_p),
            width,
            height,
            ctypes.c_size_t(padded.strides[0]),
            bgr,
            upright,
            error,
            200,
        )
    )
    assert reading.value, error.value
    wanted = (golden / "text.txt").read_text(encoding="utf-8")
    assert c.inkport_text(reading).decode() == wanted
    count = ctypes.c_int()
    points = ctypes.cast(c.inkport_symbols(reading, ctypes.byref(count)), ctypes.POINTER(ctypes.c_uint32))
    assert "".join(chr(points[5 * index]) for index in range(count.value)) == wanted
    assert 0.5 < c.inkport_confidence(reading) <= 1
    c.inkport_reading_free(reading)

    stage = ctypes.create_string_buffer(20)
    folder = os.fsencode(bundle / "golden")
    assert c.inkport_self_test(recogniser, folder, None, None, 0, stage, 20, error, 200) == 0
    opener = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
    refuses = opener(lambda *_: 1)
    assert c.inkport_self_test(recogniser, folder, refuses, None, 0, stage, 20, error, 200) == 1
    assert stage.value == b"gray"
    assert c.inkport_self_test(recogniser, b"/nowhere", None, None, 0, stage, 20, error, 200) == 2
    c.inkport_close(recogniser)


@pytest.fixture
def engine_library(library, monkeypatch):
    """What children find the engine by."""
    monkeypatch.setenv("INKPORT_ENGINE_LIBRARY", str(library))


@pytest.mark.usefixtures("engine_library")
def test_a_kit_finds_every_stage_right(bundle, fp32, lines, tmp_path):
    audit = audit_for(lines[:20], fp32.spec, skip=[])
    target = Target(name="fp32", runtime="onnxruntime", precision=Precision.FP32)
    provide = provider(fp32, tmp_path / "work", None)
    kit = make_kit(
        Request(
            model=fp32,
            targets=[target],
            audit=audit,
            sources=(),
            provide=provide,
            options=KitOptions(lines=20, golden=6),
        ),
        tmp_path / "kit.zip",
    )
    result = run_kit(kit, tmp_path / "result.zip", runner=[str(bundle / "build" / "inkport-child")])
    assert list(result.document.shown) == ["gray", "tensor", "logits", "text"]
    assert check_kit(kit, result).exit_code == 0


def test_an_installed_header_is_found_by_cmake(bundle, tmp_path):
    subprocess.run(
        ["cmake", "--install", bundle / "build", "--prefix", tmp_path / "prefix"], check=True, capture_output=True
    )
    app = tmp_path / "app"
    app.mkdir()
    (app / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(app CXX)\nfind_package(inkport 1.0 REQUIRED)\n"
        "add_executable(app app.cpp)\ntarget_link_libraries(app PRIVATE inkport::inkport)\n"
    )
    (app / "app.cpp").write_text(
        "#include <inkport.h>\n#include <inkport.hpp>\n#include <inkport/onnxruntime.hpp>\n"
        "int main(int, char** words) { return inkport::parse_spec(inkport::read_file(words[1])).height; }\n"
    )
    for command in (
        ["cmake", "-S", app, "-B", app / "build", f"-DCMAKE_PREFIX_PATH={tmp_path / 'prefix'}"],
        ["cmake", "--build", app / "build"],
    ):
        subprocess.run(command, check=True, capture_output=True)
    assert subprocess.run([app / "build" / "app", bundle / "specification.txt"], check=False).returncode == 48


def test_openvino_reads_the_same_texts_in_fp32(fp32_bundle, fp32, lines, tmp_path):
    found = find_spec("openvino")
    if found is None or found.origin is None:
        pytest.skip("openvino is not installed")
    sdk, folder = Path(found.origin).parent, fp32_bundle
    configure = ["-DINKPORT_ENGINE=openvino", f"-DOpenVINO_DIR={sdk / 'cmake'}", "-DINKPORT_SHARED=OFF"]
    for command in (
        ["cmake", "-S", folder, "-B", tmp_path, *configure],
        ["cmake", "--build", tmp_path, "--target", "inkport-read"],
    ):
        subprocess.run(command, check=True, capture_output=True)
    program, variables = str(tmp_path / "inkport-read"), {**os.environ, "LD_LIBRARY_PATH": str(sdk / "libs")}
    subprocess.run([program, "--self-test", str(folder)], env=variables, check=True)
    images = [str(line.image) for line in lines[::10]]
    done = subprocess.run([program, str(folder), *images], env=variables, check=True, capture_output=True, text=True)
    assert texts(done.stdout) == [greedy(rows, fp32.spec.charset).text for rows in logits_of(fp32, lines[::10])]
