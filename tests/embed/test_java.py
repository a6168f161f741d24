"""The Java core of an Android bundle on all sample lines and awkward files, against Python."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkport.core.ctc import greedy
from inkport.core.image import load_pixels
from inkport.core.preprocess import normalise, prepare_bytes, to_bytes
from inkport.core.registry import open_session
from inkport.export.bundle.bundle import BundleRequest, make_bundle
from inkport.export.bundle.pictures import KINDS, ORIENTATION


JAVA = runpy.run_path(str(Path(__file__).parents[1] / "java" / "core.py"))
JPEG_LEVELS = 1
"""By how much gray of JPEG files may differ: ImageIO has a JPEG decoder of its own."""
RUNS, MOST_MS = 3, 1000
"""How often the self-test is run, and how long it may compute, in ms."""
LOCAL = 2
"""Commands of the README that need no device: digests and compiler."""


@pytest.fixture(scope="session")
def android(lines, tmp_path_factory):
    """Return what makes an Android bundle of an artifact."""

    def android(model):
        out = tmp_path_factory.mktemp("bundle") / "reader"
        make_bundle(BundleRequest(model=model, platform="android", lines=lines), out)
        return out

    return android


@pytest.fixture(scope="session")
def start(android, tmp_path_factory):
    """Return what starts the core with an artifact."""
    started = {}

    def start(model):
        if model.digest not in started:
            started[model.digest] = JAVA["JavaCore"](android(model), model, tmp_path_factory.mktemp("java"))
        return started[model.digest]

    yield start
    for core in started.values():
        core.close()


def test_the_self_test_takes_less_than_a_second_of_the_processor(start, int8):
    """Of the core's process alone; the least of a few runs counts, the first of which compiles the classes."""
    core, spent = start(int8), []
    for _ in range(RUNS):
        before = core.processor_ms()
        assert len(core.ask("test", "", JPEG_LEVELS)) == 1
        spent.append(core.processor_ms() - before)
    sys.stdout.write(f"self-test: {spent} ms of the processor\n")
    assert min(spent) < MOST_MS


def check(model, file, found):
    wanted = to_bytes(load_pixels(file))
    assert np.array_equal(found[0], wanted), file.name
    assert np.array_equal(found[1], prepare_bytes(wanted, model.spec.preprocess)[0, 0]), file.name


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_all_sample_lines_are_read_as_by_python(start, lines, precision, request):
    model = request.getfixturevalue(precision)
    core, spec = start(model), model.spec.preprocess
    with open_session(model, runtime="onnxruntime") as session:
        for line in lines:
            check(model, line.image, core.prepare("file", line.image))
            logits = session.run(normalise(prepare_bytes(to_bytes(line.pixels()), spec), spec))[0]
            wanted = greedy(logits, model.spec.charset)
            text, _, _, *symbols = core.ask("read", line.image)
            assert text == wanted.text
            confidences = [float(symbol.split(" ")[3]) for symbol in symbols]
            assert confidences == pytest.approx([e.confidence for e in wanted.emissions], abs=1e-5)


def stored(file):
    """Pixels as a decoder gives them, not turned: uint8 (h, w, 4), and EXIF's orientation."""
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB").convert("RGBA")), image.getexif().get(ORIENTATION, 1)


def test_awkward_files_are_equal_to_the_byte_and_jpeg_of_another_decoder_within_a_level(start, int8, lines, tmp_path):
    core, count, levels = start(int8), 0, Counter()
    for name, kind in KINDS.items():
        for line in lines[::50]:
            file = tmp_path / f"{name}-{line.id}{Path(kind.file).suffix}"
            file.write_bytes(kind.encode(to_bytes(line.pixels())))
            count += 1
            if file.suffix == ".png":
                check(int8, file, core.prepare("file", file))
                continue
            pixels, orientation = stored(file)
            pixels.tofile(tmp_path / "rgba")
            height, width = pixels.shape[:2]
            check(int8, file, core.prepare("rgba", tmp_path / "rgba", width, height, orientation))
            gray, _ = core.prepare("file", file)
            differences = np.abs(gray.astype(int) - to_bytes(load_pixels(file)))
            levels.update(dict(enumerate(np.bincount(differences.ravel()).tolist())))
    assert (len(KINDS), count) >= (18, 108)
    sys.stdout.write(f"pixels of JPEG files by levels that ImageIO differs: {dict(levels)}\n")
    assert max(levels) <= JPEG_LEVELS


def test_the_commands_of_the_readme_that_need_no_device(android, int8):
    if shutil.which("javac") is None:
        pytest.skip("javac is not installed (apt install default-jdk-headless)")
    folder = android(int8)
    (block,) = re.findall(r"```sh\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    commands = block.splitlines()
    assert len(commands) <= 10
    assert [command.split(" ")[0] for command in commands] == ["sha256sum", "javac", "gradle"]
    subprocess.run(["bash", "-euc", "\n".join(commands[:LOCAL])], cwd=folder, check=True)
    assert (folder / "build" / "java" / "inkport" / "SelfTest.class").is_file()
