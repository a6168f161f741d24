"""The reference runner in Node, which has no Python in it, is right at every stage, and wrong variants are told so."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image


pytest.importorskip("torch", reason="the toy needs torch")

from inkport.benchmarks.checks.kit.check import JudgedKit, check_kit
from inkport.benchmarks.checks.kit.make import KitOptions, make_kit
from inkport.benchmarks.checks.kit.runner import run_kit
from inkport.benchmarks.run.device_record import KitRun
from inkport.benchmarks.run.kit.judge import State
from inkport.benchmarks.run.kit.manifest import KitStage
from inkport.benchmarks.run.kit.open import Kit, open_result
from inkport.benchmarks.run.request import Request
from inkport.core.registry import probe
from inkport.core.runtime import Evidence
from inkport.core.target import Budget, Precision, Target
from inkport.lines.audit import audit_lines
from inkport.lines.source import read_lines
from inkport.runtimes.javascript import WEB, modules_folder


NODE = probe("ort-node")
pytestmark = pytest.mark.skipif(not NODE.ok, reason=f"{NODE.reason}; fix: {NODE.remedy}")
RUNNER = Path(__file__).parents[2] / "examples" / "kit-runner-node"


@pytest.fixture(scope="module", autouse=True)
def modules():
    """The runner finds the npm packages where the runtimes do."""
    before = os.environ.get("INKPORT_WEB_MODULES")
    os.environ["INKPORT_WEB_MODULES"] = str(modules_folder().resolve())
    yield
    os.environ.pop("INKPORT_WEB_MODULES")
    if before is not None:
        os.environ["INKPORT_WEB_MODULES"] = before


def coloured(gray, mode):
    """The line in blue ink on yellowish paper, in another kind of PNG; what is gray with alpha lies on its side."""
    ink = 1 - np.asarray(gray, dtype=np.float64)[:, :, None] / 255
    image = Image.fromarray((ink * [20, 40, 170] + (1 - ink) * [250, 245, 220]).astype(np.uint8))
    buffer, exif = io.BytesIO(), Image.Exif()
    if mode == "LA":
        image = image.transpose(Image.Transpose.ROTATE_90)
        exif[0x0112] = 6
    (image.quantize(16) if mode == "P" else image.convert(mode)).save(buffer, "PNG", exif=exif)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def kit(toy_artifact, toy_onnx, lines_folder, tmp_path_factory) -> Kit:
    """Six lines, gray and in colour, of which one shrinks much and one grows."""
    lines = list(read_lines([lines_folder]))
    modes = ["RGB", "L", "RGBA", "P", "LA", "L"]
    sizes = [1.0, 1.0, 2.6, 1.0, 0.7, 1.0]
    images = []
    for line, scale, mode in zip(lines, sizes, modes, strict=True):
        gray = Image.open(line.image)
        gray = gray.resize((round(gray.width * scale), round(gray.height * scale)))
        images.append(coloured(gray, mode))
    lines = [replace(line, image=image) for line, image in zip(lines, images, strict=True)]
    spec = toy_artifact.spec
    audit = audit_lines(lines, charset=spec.charset, preprocess=spec.preprocess, stride=spec.stride)
    rows = [Target(name="toy", runtime="onnxruntime", precision=Precision.FP32, budget=Budget(cer_margin=9.0))]
    request = Request(
        model=toy_artifact,
        targets=rows,
        audit=audit,
        provide=lambda target: toy_artifact if target.runtime == "torch" else toy_onnx,
        options=KitOptions(lines=6, golden=5),
    )
    return make_kit(request, tmp_path_factory.mktemp("kit") / "toy.inkport-kit.zip")


def judged(kit, result):
    """The judgement of a result, what it says of the one target beside what it says of the kit."""
    report = check_kit(kit, result)
    (target,) = report.targets
    return SimpleNamespace(
        report=report,
        first_wrong=report.section(JudgedKit).first_wrong,
        exit_code=report.exit_code,
        outcome=target.outcome,
        reason=target.reason,
        parity=target.parity,
        **vars(target.section(KitRun)),
    )


def states(found):
    return [finding.state for finding in found.stages]


def node(runner: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the runner by itself: no other program is on its path."""
    environment = {"PATH": "", "INKPORT_WEB_MODULES": os.environ["INKPORT_WEB_MODULES"]}
    command = [shutil.which("node"), str(runner / "kit-runner.mjs"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=environment)


def test_alone_it_runs_the_kit_and_every_stage_is_right(kit, tmp_path):
    done = node(RUNNER, kit.path, tmp_path / "result.zip")
    assert done.returncode == 0, done.stderr
    result = open_result(tmp_path / "result.zip")
    found = judged(kit, result)
    assert states(found) == [State.RIGHT] * 4
    assert [finding.lines for finding in found.stages] == [5, 5, 5, 6]
    assert (found.exit_code, found.parity.flipped_lines) == (0, 0)
    assert found.runner.engine == "onnxruntime-node"
    assert found.times.p50_ms > 0
    # An independent implementation of the definition gives the same bytes.
    for entry, line in zip(kit.manifest.lines, result.document.lines, strict=True):
        if entry.golden:
            golden = kit.golden(entry)
            assert golden[KitStage.GRAY].dtype == golden[KitStage.TENSOR].dtype == np.uint8
            np.testing.assert_array_equal(result.tensor(line, KitStage.GRAY), golden[KitStage.GRAY])
            np.testing.assert_array_equal(result.tensor(line, KitStage.TENSOR), golden[KitStage.TENSOR])


def test_behind_the_protocol_it_does_the_same(kit, tmp_path):
    command = ["node", str(RUNNER / "kit-runner.mjs")]
    result = run_kit(kit, tmp_path / "result.zip", runner=command, threads=2, timeout_s=60)
    found = judged(kit, open_result(result.path))
    assert states(found) == [State.RIGHT] * 4
    assert (found.runner.threads, found.runner.evidence) == (2, Evidence.MEASURED)
    assert found.parity.flipped_lines == 0


def test_a_child_that_only_runs_the_network_is_a_runner_too(kit, tmp_path):
    result = run_kit(kit, tmp_path / "result.zip", runner=["node", str(WEB / "node-runner.mjs")], timeout_s=60)
    assert states(judged(kit, result)) == [State.GIVEN, State.GIVEN, State.RIGHT, State.NOT_SHOWN]


WRONG = {
    "channels in another order": (
        "png.mjs",
        "let [red, green, blue] = values;",
        "let [blue, green, red] = values;",
        KitStage.GRAY,
        "red and blue swapped",
    ),
    "EXIF ignored": ("png.mjs", "exif ? orientationOf(exif) : 1", "1", KitStage.GRAY, "has shape"),
    "no antialiasing": ("prepare.mjs", "Math.max(rows, target)", "target", KitStage.TENSOR, "without antialiasing"),
    "ink and paper swapped": (
        "prepare.mjs",
        "{ shape: [1, 1, height, width], data }",
        "{ shape: [1, 1, height, width], data: data.map((x) => 255 - x) }",
        KitStage.TENSOR,
        "-1 times the value that it should be",
    ),
    "padding of another shade": ("prepare.mjs", "255 * background", "229", KitStage.TENSOR, "pads with 0.898"),
    "one rounding away": ("prepare.mjs", "fill(2 ** (SHIFT - 1))", "fill(0)", KitStage.TENSOR, "differs by"),
    "a bit less": ("prepare.mjs", "const SHIFT = 11", "const SHIFT = 10", KitStage.TENSOR, "differs by"),
    "floats where bytes are to be": (
        "kit-runner.mjs",
        "tensors: { gray, tensor, logits }",
        "tensors: { gray, tensor: normalise(tensor, spec.preprocess), logits }",
        KitStage.TENSOR,
        "holds float32 values, expected uint8",
    ),
    "one frame late": (
        "engine.mjs",
        "data: logits.data }",
        "data: logits.data.map((_, i, all) => all[i - logits.dims[2]] ?? 0) }",
        KitStage.LOGITS,
        "off by one frame (late)",
    ),
    "repeats kept": ("decode.mjs", "best !== previous && ", "", KitStage.TEXT, "keeps repeated labels"),
    "off by one label": (
        "decode.mjs",
        "symbols[best - 1]",
        "symbols[best]",
        KitStage.TEXT,
        "takes label 0 for the first",
    ),
}


@pytest.mark.parametrize("planted", WRONG.values(), ids=WRONG)
def test_a_runner_that_is_wrong_at_a_stage_is_told_which(kit, tmp_path, planted):
    file, old, new, stage, words = planted
    wrong = shutil.copytree(RUNNER, tmp_path / "wrong", ignore=shutil.ignore_patterns("node_modules"))
    text = (wrong / file).read_text()
    assert old in text
    (wrong / file).write_text(text.replace(old, new))
    done = node(wrong, kit.path, tmp_path / "result.zip")
    assert done.returncode == 0, done.stderr
    found = judged(kit, open_result(tmp_path / "result.zip"))
    assert found.first_wrong is stage
    faults = [finding.fault for finding in found.stages if finding.stage is stage]
    assert words in faults[0]
    assert found.exit_code == 1
    assert [f.stage for f in found.stages if f.state is State.WRONG] == [stage]


def test_a_kit_that_was_changed_is_refused_by_the_runner_itself(kit, tmp_path):
    from inkport.benchmarks.run.kit.archive import write_archive

    members = dict(kit.members)
    members["lines/0000.png"] = members["lines/0001.png"]
    write_archive(tmp_path / "changed.zip", members)
    done = node(RUNNER, tmp_path / "changed.zip", tmp_path / "result.zip")
    assert done.returncode == 1
    assert "lines/0000.png is not what kit.json says" in done.stderr
    assert not (tmp_path / "result.zip").exists()


def test_its_errors_are_sentences(kit, tmp_path):
    assert "usage:" in node(RUNNER, kit.path).stderr
    assert "no ONNX target nosuch" in node(RUNNER, kit.path, tmp_path / "r.zip", "nosuch").stderr
    assert "not a zip archive" in node(RUNNER, RUNNER / "package.json", tmp_path / "r.zip").stderr


def test_it_needs_the_packages_that_the_runtimes_need():
    ours = json.loads((RUNNER / "package.json").read_text())["dependencies"]
    theirs = json.loads((WEB / "package.json").read_text())["dependencies"]
    assert ours == {"onnxruntime-node": theirs["onnxruntime-node"]}
