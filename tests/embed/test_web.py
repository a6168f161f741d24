"""The web bundle in Chromium with a real canvas, and in Node: sample lines, awkward files, and the page in use."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

from inkport.core.artifact import SIDECAR, find_lm
from inkport.core.beam import load_beam
from inkport.core.ctc import greedy
from inkport.core.image import load_pixels
from inkport.core.preprocess import normalise, prepare_bytes, to_bytes
from inkport.core.registry import open_session
from inkport.export.bundle.bundle import BundleRequest, make_bundle
from inkport.export.bundle.pictures import KINDS
from inkport.runtimes.bundle_javascript import FOLDER
from inkport.runtimes.javascript import browser_environment, modules_folder, node_command, probe_browser


LOADS = 3
"""How often the page is loaded; the fastest load counts, since others of this machine's programs only slow it down."""
MOST_MS = 3000
"""Within which time the page has to be loaded and a line read."""


@pytest.fixture(scope="session", autouse=True)
def browser():
    if not (found := probe_browser(devices=("wasm",))).ok:
        pytest.skip(found.reason)


@pytest.fixture(scope="session")
def web(int8, lines, tmp_path_factory):
    """The int8 bundle, with what its README has npm install."""
    out = tmp_path_factory.mktemp("bundle") / "reader"
    make_bundle(BundleRequest(model=int8, platform="web", lines=lines, lm=find_lm(Path("fr-en"))), out)
    modules = modules_folder().resolve() / "node_modules"
    (out / "node_modules").symlink_to(modules)
    return out


class Child:
    """A runner that reads files, spoken to as docs/child-protocol.md says."""

    def __init__(self, script, bundle, model, folder):
        variables = {**os.environ, **browser_environment(), FOLDER: str(bundle)}
        self.process = subprocess.Popen(
            node_command(script), env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.folder = folder
        self.hello = self.ask("hello", protocol=1)
        self.ask(
            "open",
            model=str(model.file(".onnx").resolve()),
            recogniser=str((model.path / SIDECAR).resolve()),
            device="cpu" if "node" in script else "wasm",
            threads=1,
            options={},
            input=model.spec.input.name,
            output=model.spec.output.name,
        )

    def ask(self, op, **fields):
        self.process.stdin.write(json.dumps({"id": 1, "op": op, **fields}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert answer["ok"], answer
        return answer

    def read(self, file):
        """Return gray (where the child decodes files), tensor, logits and text."""
        given = {"file": str(file)}
        if self.hello["start"] == "gray":
            gray = to_bytes(load_pixels(file))
            (self.folder / "gray").write_bytes(gray.tobytes())
            given = {"file": str(self.folder / "gray"), "shape": list(gray.shape)}
        stages = [stage for stage in self.hello["shows"] if stage != "text"]
        outputs = {stage: str(self.folder / f"out.{stage}") for stage in stages}
        answer = self.ask("read", input=given, outputs=outputs)
        types = {"gray": np.uint8, "tensor": np.uint8, "logits": np.float32}
        arrays = {stage: np.fromfile(outputs[stage], types[stage]).reshape(answer["shapes"][stage]) for stage in stages}
        return {**arrays, "text": answer["text"]}

    def close(self):
        self.ask("close")
        self.process.communicate(timeout=30)
        assert self.process.returncode == 0


@pytest.fixture(params=["bundle-browser-runner.mjs", "bundle-node-runner.mjs"])
def child(request, web, tmp_path):
    """Return what opens a model in a child, in Chromium and in Node."""
    opened = []

    def child(model):
        opened.append(Child(request.param, web, model, tmp_path))
        return opened[-1]

    yield child
    for one in opened:
        one.close()


def check_bytes(found, file, spec):
    gray = to_bytes(load_pixels(file))
    if "gray" in found:
        assert np.array_equal(found["gray"], gray), file
    assert np.array_equal(found["tensor"], prepare_bytes(gray, spec.preprocess)), file


@pytest.mark.parametrize(("precision", "engine"), [("int8", "ort-web"), ("fp32", "onnxruntime")])
def test_all_sample_lines_are_read_as_by_python(child, lines, precision, engine, request):
    """In fp32 as by another build of the engine, in int8 by the same engine's logits: there builds differ."""
    model = request.getfixturevalue(precision)
    reader = child(model)
    if precision == "int8" and reader.hello["start"] == "gray":
        engine = "ort-node"
    device = "wasm" if engine == "ort-web" else "cpu"
    with open_session(model, runtime=engine, device=device) as session:
        for line in lines:
            found = reader.read(line.image)
            check_bytes(found, line.image, model.spec)
            logits = session.run(normalise(found["tensor"], model.spec.preprocess))[0]
            if precision == "int8":
                assert np.array_equal(found["logits"][0], logits), line.id
            assert found["text"] == greedy(logits, model.spec.charset).text, line.id


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_real_lines_are_read_as_by_python(child, real, precision, request):
    model = request.getfixturevalue(precision)
    reader = child(model)
    runtime, device = ("ort-node", "cpu") if reader.hello["start"] == "gray" else ("ort-web", "wasm")
    if precision == "fp32":
        runtime, device = "onnxruntime", "cpu"
    with open_session(model, runtime=runtime, device=device) as session:
        for file in real:
            found = reader.read(file)
            check_bytes(found, file, model.spec)
            logits = session.run(normalise(found["tensor"], model.spec.preprocess))[0]
            assert found["text"] == greedy(logits, model.spec.charset).text, file.name


def test_node_has_pythons_confidences_of_all_sample_lines(web, int8, lines):
    command = ["node", web / "read.mjs", "--json", *(line.image for line in lines)]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True)
    spec = int8.spec
    with open_session(int8, runtime="ort-node") as session:
        for row, line in zip(done.stdout.splitlines(), lines, strict=True):
            found = json.loads(row)
            tensor = prepare_bytes(to_bytes(line.pixels()), spec.preprocess)
            wanted = greedy(session.run(normalise(tensor, spec.preprocess))[0], spec.charset)
            check_reading(found, wanted)


def check_reading(found, wanted):
    assert found["text"] == wanted.text
    confidences = [symbol["confidence"] for symbol in found["symbols"]]
    assert confidences == pytest.approx([emission.confidence for emission in wanted.emissions], abs=1e-5)


def test_awkward_files_are_equal_to_the_byte(child, int8, lines, tmp_path):
    reader, count = child(int8), 0
    for name, kind in KINDS.items():
        for line in lines[::50]:
            file = tmp_path / f"{name}-{line.id}{Path(kind.file).suffix}"
            file.write_bytes(kind.encode(to_bytes(line.pixels())))
            check_bytes(reader.read(file), file, int8.spec)
            count += 1
    assert (len(KINDS), count) >= (18, 108)


def test_the_commands_of_the_readme_print_a_line(web):
    """All but the one that installs: the packages are here, and nothing is fetched in tests."""
    (block,) = re.findall(r"```sh\n(.*?)```", (web / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    commands = block.splitlines()
    assert len(commands) <= 10
    others = [command for command in commands if not command.startswith("npm install")]
    assert len(others) == len(commands) - 1
    done = subprocess.run(["bash", "-euc", "\n".join(others)], cwd=web, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *_, tested, read = done.stdout.splitlines()
    assert tested.startswith("all stages are right")
    assert read.split("\t")[1] == (web / "golden" / "plain" / "text.txt").read_text(encoding="utf-8")


@pytest.fixture
def page(web):
    """Return what loads the page in Chromium, uses it, and says what was seen, and the paths that were asked for."""
    file = Path(__file__).parents[2] / "scripts" / "bundle_page.py"
    spec = spec_from_file_location("bundle_page", file)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    with module.served(web) as served:
        yield served


def _logits(session, folder):
    (file,) = folder.glob("line.*")
    spec = session.spec.preprocess
    return session.run(normalise(prepare_bytes(to_bytes(load_pixels(file)), spec), spec))[0]


def test_the_page_reads_what_is_dropped_within_three_seconds(page, web, int8):
    use, asked = page
    found = [use() for _ in range(LOADS)]
    sys.stdout.write("".join(f"loaded and read after {one.get('ms')} ms; {one.get('test')}\n" for one in found))
    golden = web / "golden" / "plain"
    text = (golden / "text.txt").read_text(encoding="utf-8")
    with open_session(int8, runtime="ort-web", device="wasm") as session:
        tensor = prepare_bytes(to_bytes(load_pixels(golden / "line.png")), int8.spec.preprocess)
        logits = session.run(normalise(tensor, int8.spec.preprocess))[0]
        expected = {name: greedy(_logits(session, web / "golden" / name), int8.spec.charset) for name in KINDS}
    beam = load_beam(find_lm(Path("fr-en")), int8)(logits, int8.spec.charset).text
    for one in found:
        assert "error" not in one, one
        assert one["text"] == text
        assert one["test"].startswith("all stages are right"), one
        assert one["texts"] == [beam] * 3
        assert one["refused"].startswith("InkportError: ")
        assert one["nowhere"].startswith("InkportError: ")
        assert one["golden"].keys() == expected.keys()
        for name, reading in one["golden"].items():
            check_reading(reading, expected[name])
    # All that it fetched is in the bundle, but for what browsers ask every server for.
    fetched = {path.split("?")[0].lstrip("/") for path in asked if not path.startswith("/nowhere/")} - {"favicon.ico"}
    assert [path for path in fetched if not (web / path).exists()] == []
    assert min(one["ms"] for one in found) <= MOST_MS, [one["ms"] for one in found]
