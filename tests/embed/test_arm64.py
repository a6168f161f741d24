"""The C++ bundle on an emulated arm64: the same bytes from decoded pixels, and the texts of the engine there."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from inkport.core.ctc import greedy
from inkport.core.image import load_pixels
from inkport.core.preprocess import normalise, prepare_bytes, to_bytes
from inkport.core.registry import open_session, probe
from inkport.export.bundle.pictures import KINDS


QEMU = ("qemu-aarch64-static", "-cpu", "cortex-a53")
READ = 6
"""Lines whose texts are read: a line takes a second and more there."""


@pytest.fixture(scope="module")
def arm64(bundle, tmp_path_factory):
    """Return what runs the sample, compiled for arm64 without decoders; returns its standard output."""
    root = Path(os.environ.get("INKPORT_ARM64_ROOT") or "out/arm64-root").resolve()
    library = next(iter(root.glob("opt/inkport/onnxruntime/capi/libonnxruntime.so.*")), None)
    for program in (QEMU[0], "aarch64-linux-gnu-g++"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (apt install qemu-user-static g++-aarch64-linux-gnu)")
    if library is None:
        pytest.skip(f"{root} holds no arm64 root: scripts/arm64_root.sh makes it")
    program, engine = tmp_path_factory.mktemp("arm64") / "read", "-DINKPORT_ENGINE_HEADER=<inkport/onnxruntime.hpp>"
    compiler = ["aarch64-linux-gnu-g++", "-std=c++17", "-O2", engine, f"-I{bundle / 'include'}"]
    subprocess.run([*compiler, bundle / "sample" / "read.cpp", "-o", program, "-ldl"], check=True)

    def run(*arguments):
        command = [*QEMU, "-L", str(root), str(program), "--library", str(library), *map(str, arguments)]
        # A library preloaded into this process is none of the emulated one's architecture.
        variables = {**os.environ, "LD_PRELOAD": ""}
        return subprocess.run(command, env=variables, check=True, capture_output=True, text=True).stdout

    return run


def decoded(file, place):
    """Write a file's pixels, upright: in colour where they have one and nothing is transparent, else as gray."""
    with Image.open(file) as image:
        plain = image.mode in {"RGB", "CMYK", "P"} and not image.has_transparency_data
        pixels = (
            ImageOps.exif_transpose(image).convert("RGB") if plain else Image.fromarray(to_bytes(load_pixels(file)))
        )
    target = place.with_suffix(".ppm" if plain else ".pgm")
    pixels.save(target)
    return target


def check_tensors(arm64, bundle, spec, files, work):
    made = [decoded(file, work / f"pixels-{index}") for index, file in enumerate(files)]
    (work / "out").mkdir()
    arm64("--tensor", work / "out", bundle, *made)
    for index, file in enumerate(files):
        wanted = prepare_bytes(to_bytes(load_pixels(file)), spec.preprocess)[0, 0]
        assert np.array_equal(np.asarray(Image.open(work / "out" / f"{index}.pgm")), wanted), file.name
    return made


def test_tensors_of_all_sample_lines_are_equal_to_the_byte(arm64, bundle, int8, lines, tmp_path):
    check_tensors(arm64, bundle, int8.spec, [line.image for line in lines], tmp_path)


def test_tensors_of_awkward_files_are_equal_to_the_byte(arm64, bundle, int8, lines, tmp_path):
    files = []
    for name, kind in KINDS.items():
        for line in lines[::50]:
            files.append(tmp_path / f"{name}-{line.id}{Path(kind.file).suffix}")
            files[-1].write_bytes(kind.encode(to_bytes(line.pixels())))
    assert (len(KINDS), len(files)) >= (18, 108)
    made = check_tensors(arm64, bundle, int8.spec, files, tmp_path)
    assert {file.suffix for file in made} == {".pgm", ".ppm"}


def test_real_lines_have_the_same_bytes_and_texts(arm64, bundle, int8, real, tmp_path):
    made = check_tensors(arm64, bundle, int8.spec, real, tmp_path)
    check_texts(arm64, bundle, int8, made[:READ])


def test_texts_are_those_of_the_engine_there(arm64, port, lines, tmp_path):
    model, folder = port
    check_texts(
        arm64, folder, model, [decoded(line.image, tmp_path / line.id) for line in lines[:: len(lines) // READ]]
    )


def check_texts(arm64, folder, model, files):
    """In int8 as the same engine there, in fp32 as here: texts equal, confidences within 1e-5 of the same engine's."""
    if not (found := probe("ort-arm64")).ok:
        pytest.skip(found.reason)
    said = arm64("--symbols", folder, *files).splitlines()
    spec = model.spec
    for runtime in ["ort-arm64", *(["onnxruntime"] if model.precision == "fp32" else [])]:
        with open_session(model, runtime=runtime) as session:
            tensors = [prepare_bytes(to_bytes(load_pixels(file)), spec.preprocess) for file in files]
            expected = [greedy(session.run(normalise(one, spec.preprocess))[0], spec.charset) for one in tensors]
        assert [row.split("\t", 1)[1] for row in said if not row.startswith("  U+")] == [one.text for one in expected]
        confidences = [float(row.split("\t")[3]) for row in said if row.startswith("  U+")]
        wanted = [emission.confidence for one in expected for emission in one.emissions]
        assert confidences == pytest.approx(wanted, abs=1e-5 if runtime == "ort-arm64" else 1e-4)


def test_the_self_test_finds_nothing_wrong(arm64, bundle):
    assert "all stages are right" in arm64("--self-test", bundle)
