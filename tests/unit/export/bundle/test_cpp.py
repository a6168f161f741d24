"""The C++ sample of a bundle, compiled here, against Python: the same bytes, labels, texts and confidences."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkport.core.artifact import find_lm
from inkport.core.beam import BeamDecoder, load_beam
from inkport.core.ctc import greedy
from inkport.core.image import load_pixels
from inkport.core.preprocess import normalise, prepare_bytes, to_bytes
from inkport.core.registry import open_session
from inkport.lines.source import read_lines


COUNT = 24
"""Sample lines that are read here; tests/embed reads all."""
SIZES = ((64, 700), (48, 300), (47, 90), (9, 31), (8, 60), (200, 2200), (411, 97), (31, 1024), (1500, 8000))
"""Heights and widths that shrink, stay and grow, evenly and not."""


@pytest.fixture(scope="module")
def lines(samples):
    return list(islice(read_lines([samples]), 0, None, 300 // COUNT))[:COUNT]


@pytest.fixture(scope="module")
def logits(model, lines):
    spec = model.spec.preprocess
    with open_session(model, runtime="onnxruntime") as session:
        return [session.run(normalise(prepare_bytes(to_bytes(line.pixels()), spec), spec))[0] for line in lines]


def tensors(read, bundle, out, files):
    out.mkdir()
    code, _, said = read("--tensor", out, bundle, *files)
    assert (code, said) == (0, "")
    return [np.asarray(Image.open(out / f"{index}.pgm")) for index in range(len(files))]


def parse(said):
    """Return text and symbols of each image that the sample printed with --symbols."""
    found = []
    for row in said.splitlines():
        if row.startswith("  U+"):
            point, first, last, confidence, gap = row[4:].split("\t")
            found[-1][1].append((chr(int(point, 16)), int(first), int(last), float(confidence), float(gap)))
        else:
            found.append((row.split("\t", 1)[1], []))
    return found


def check(found, expected):
    """Hold what the sample printed to Python's readings: texts and frames equal, confidences within 1e-5."""
    assert [text for text, _ in found] == [reading.text for reading in expected]
    for (_, symbols), reading in zip(found, expected, strict=True):
        assert [s[:3] for s in symbols] == [(e.symbol, e.first_frame, e.last_frame) for e in reading.emissions]
        assert [s[3] for s in symbols] == pytest.approx([e.confidence for e in reading.emissions], abs=1e-5)
        assert [s[4] for s in symbols] == pytest.approx([e.gap for e in reading.emissions], abs=1e-4)


def test_tensors_of_sample_lines_are_equal_to_the_byte(read, bundle, model, lines, tmp_path):
    made = tensors(read, bundle, tmp_path / "out", [line.image for line in lines])
    for line, tensor in zip(lines, made, strict=True):
        assert np.array_equal(tensor, prepare_bytes(to_bytes(line.pixels()), model.spec.preprocess)[0, 0])


def test_tensors_of_noise_are_equal_to_the_byte_at_every_scale(read, bundle, model, rng, tmp_path):
    files, expected = [], []
    for height, width in SIZES:
        noise = rng.integers(0, 256, (height, width), dtype=np.uint8)
        files.append(tmp_path / f"{height}-{width}.pgm")
        Image.fromarray(noise).save(files[-1])
        expected.append(prepare_bytes(noise, model.spec.preprocess)[0, 0])
    for tensor, wanted in zip(tensors(read, bundle, tmp_path / "out", files), expected, strict=True):
        assert np.array_equal(tensor, wanted)


def test_texts_frames_and_confidences_are_pythons(read, bundle, model, lines, logits):
    code, said, _ = read("--symbols", bundle, *(line.image for line in lines))
    assert code == 0
    check(parse(said), [greedy(rows, model.spec.charset) for rows in logits])


def test_texts_with_a_language_model_are_pythons(read, bundle, model, lines, logits):
    code, said, _ = read("--symbols", "--lm", bundle / "lm.inklm", bundle, *(line.image for line in lines))
    assert code == 0
    beam = load_beam(find_lm(Path("fr-en")), model)
    assert isinstance(beam, BeamDecoder)
    expected = [beam(rows, model.spec.charset) for rows in logits]
    assert sum(a.text != greedy(rows, model.spec.charset).text for a, rows in zip(expected, logits, strict=True)) > 2
    check(parse(said), expected)


def test_the_shipped_header_compiles_without_a_warning(compiler, bundle):
    command, _ = compiler
    strict = ["-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror", f"-I{bundle / 'include'}"]
    assert subprocess.run([*command, *strict], check=False, capture_output=True).stderr == b""


def test_the_self_test_finds_nothing_wrong(read, bundle):
    code, said, _ = read("--self-test", bundle)
    assert (code, bool(re.fullmatch(r"all stages are right \(\d+ ms\)\n", said))) == (0, True)


@pytest.mark.parametrize("name", ["specification.txt", "model/model.onnx"])
def test_golden_values_of_another_model_or_specification_are_refused(read, bundle, tmp_path, name):
    for part in ("model", "golden"):
        shutil.copytree(bundle / part, tmp_path / part)
    shutil.copyfile(bundle / "specification.txt", tmp_path / "specification.txt")
    # A comment, or a field that ONNX does not know: the bundle opens as before.
    with (tmp_path / name).open("ab") as file:
        file.write(b"# more\n" if name.endswith(".txt") else b"\xfa\x7f\x01x")
    code, said, _ = read("--self-test", tmp_path)
    stage, line, detail = said.rstrip("\n").split("\t")
    assert (code, stage, line) == (1, "bundle", name)
    assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()[:12] in detail


def test_files_are_gray_as_python_decodes_them(bundle):
    for row in (bundle / "golden" / "lines.txt").read_text().splitlines():
        name, file, _ = row.split("\t")
        folder = bundle / "golden" / name
        assert np.array_equal(np.asarray(Image.open(folder / "gray.pgm")), to_bytes(load_pixels(folder / file)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("format = 1", "format = 2"), "format 2, this inkport.hpp reads 1"),
        (("triangle-v2", "triangle-v1"), "resampling triangle-v1, expected triangle-v2"),
        (("height = 48", "height = tall"), "height = tall, expected a whole number"),
        (("stride = 4", "stride = 4\nodd = 1"), "odd is not known"),
        (("stride = 4\n", ""), "no value for stride"),
    ],
)
def test_a_specification_that_is_not_understood_is_refused(read, bundle, tmp_path, change, words):
    text = (bundle / "specification.txt").read_text()
    assert change[0] in text
    (tmp_path / "specification.txt").write_text(text.replace(*change))
    code, said, error = read(tmp_path, bundle / "golden" / "plain" / "line.png")
    assert (code, said) == (2, "")
    assert words in error


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b[:50], lambda b: b"no" + b, lambda b: b[:120] + b[130:]]
)
def test_a_damaged_language_model_is_refused(read, bundle, tmp_path, damage):
    file = tmp_path / "lm.inklm"
    file.write_bytes(damage((bundle / "lm.inklm").read_bytes()))
    code, said, error = read("--lm", file, bundle, bundle / "golden" / "plain" / "line.png")
    assert (code, said) == (2, "")
    assert "language model" in error


def test_an_image_that_cannot_be_read_leaves_the_others(read, bundle, tmp_path):
    whole = bundle / "golden" / "plain" / "line.png"
    (tmp_path / "cut.png").write_bytes(whole.read_bytes()[:200])
    (tmp_path / "text.txt").write_text("no image")
    code, said, error = read(bundle, tmp_path / "cut.png", whole, tmp_path / "text.txt", tmp_path / "none.png")
    assert code == 2
    assert said == f"{whole}\t{(whole.parent / 'text.txt').read_text()}\n"
    assert [name in error for name in ("cut.png", "text.txt", "none.png")] == [True] * 3
