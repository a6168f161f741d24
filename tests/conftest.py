"""Fixtures that several tiers share: a tiny random recogniser, and lines with text in them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from inkport.core.artifact import Artifact, Provenance, load_artifact, new_artifact
from inkport.core.charset import Charset
from inkport.core.preprocess import PreprocessSpec
from inkport.core.spec import RecogniserSpec
from inkport.core.target import Precision
from inkport.export.quantize.calibration import CalibrationSet, choose_calibration
from inkport.lines.source import read_lines


# The same examples on every machine, and no limit on the time that one takes.
settings.register_profile("inkport", derandomize=True, deadline=None)
settings.load_profile("inkport")

TOY_CONFIG = {"stem": 8, "channels": [16, 16, 16], "dim": 24, "heads": 2, "hidden": 32, "depth": 1}
"""A convtext small enough to build, export and run in a second."""


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Random numbers that depend on the test's name alone."""
    return np.random.default_rng(zlib.crc32(request.node.nodeid.encode()))


@pytest.fixture(scope="session")
def read_events() -> Callable[[Path], dict[str, list[tuple[int, float]]]]:
    """Returns what reads TensorBoard's files of a folder: steps and values, rounded, by the name of the curve."""
    pb = pytest.importorskip("tensorboardX.proto.event_pb2", reason="decodes TensorBoard's events")

    def read(folder: Path) -> dict[str, list[tuple[int, float]]]:
        points: dict[str, list[tuple[int, float]]] = {}
        for file in sorted(folder.glob("events.out.tfevents.*")):
            data = file.read_bytes()
            while data:
                # A record: the length of an event, its checksum, the event, and its checksum.
                (size,) = struct.unpack("<Q", data[:8])
                event = pb.Event.FromString(data[12 : 12 + size])
                data = data[16 + size :]
                for value in event.summary.value:
                    points.setdefault(value.tag, []).append((event.step, round(value.simple_value, 5)))
        return points

    return read


@pytest.fixture
def toy_config() -> dict[str, object]:
    """The toy's network configuration."""
    return dict(TOY_CONFIG)


@pytest.fixture(scope="session")
def toy_spec() -> RecogniserSpec:
    return RecogniserSpec(
        name="convtext-tiny",
        version="toy",
        preprocess=PreprocessSpec(),
        charset=Charset(tuple(" abcdeé")),
        stride=4,
    )


@pytest.fixture(scope="session")
def make_artifact() -> Callable[[RecogniserSpec, dict[str, object], Path], Artifact]:
    """Returns what makes a safetensors artifact with seeded random weights of a specification's network."""
    torch = pytest.importorskip("torch", reason="the reference needs torch")
    from inkport.model.weights import Weights, deploy_tensors, save_weights
    from inkport.model.zoo import build

    def make(spec: RecogniserSpec, config: dict[str, object], path: Path) -> Artifact:
        torch.manual_seed(7)
        network = build(spec.name, spec.charset.size, config)
        weights = Weights(spec=spec, config=config, provenance={}, tensors=deploy_tensors(network))
        made = Provenance(stage="train")
        with new_artifact(path, spec=spec, format="safetensors", precision=Precision.FP32, provenance=made) as folder:
            save_weights(folder / "weights.safetensors", weights)
        return load_artifact(path)

    return make


@pytest.fixture(scope="session")
def toy_artifact(
    make_artifact: Callable[[RecogniserSpec, dict[str, object], Path], Artifact],
    toy_spec: RecogniserSpec,
    tmp_path_factory: pytest.TempPathFactory,
) -> Artifact:
    """The toy as a safetensors artifact."""
    return make_artifact(toy_spec, TOY_CONFIG, tmp_path_factory.mktemp("toy") / "convtext-toy")


@pytest.fixture(scope="session")
def toy_onnx(toy_artifact: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The toy in ONNX, exported once per run: torch takes seconds for it."""
    from inkport.export.from_torch.onnx_fp32 import onnx_from_safetensors

    return onnx_from_safetensors(toy_artifact, tmp_path_factory.mktemp("toy-onnx") / "onnx-fp32")


@pytest.fixture(scope="session")
def lines_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of six readable line images of different widths, each with its ``.gt.txt``."""
    from PIL import Image, ImageDraw, ImageFont

    folder = tmp_path_factory.mktemp("lines")
    for index, text in enumerate(["abc", "de ca", "bad deed", "acé", "ebb dab cab", "a bed"]):
        image = Image.new("L", (40 + 16 * len(text), 56), 245)
        ImageDraw.Draw(image).text((12, 10), text, fill=20, font=ImageFont.load_default(size=28))
        image.save(folder / f"line{index}.png")
        (folder / f"line{index}.gt.txt").write_text(text + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def other_lines(lines_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of other lines under the same names: those of ``lines_folder``, a shade darker."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("others")
    for file in lines_folder.glob("*.gt.txt"):
        (folder / file.name).write_bytes(file.read_bytes())
    for file in lines_folder.glob("*.png"):
        Image.fromarray(np.asarray(Image.open(file)) - np.uint8(9)).save(folder / file.name)
    return folder


@pytest.fixture(scope="session")
def toy_calibration(toy_artifact: Artifact, lines_folder: Path) -> CalibrationSet:
    return choose_calibration(read_lines([lines_folder]), toy_artifact.spec.preprocess, count=4)


@pytest.fixture(scope="session")
def toy_int8(toy_onnx: Artifact, toy_calibration: CalibrationSet, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    from inkport.export.quantize.onnx_int8 import int8_onnx_from_onnx

    return int8_onnx_from_onnx(toy_onnx, tmp_path_factory.mktemp("toy-int8") / "onnx-int8", calibration=toy_calibration)


@pytest.fixture(scope="session")
def pasted_page() -> tuple[np.ndarray, list[tuple[int, int, int, int]]]:
    """A page of 1,000 x 1,400 px that sample lines are pasted on, and their boxes: left, top, right, bottom."""
    page, boxes, top = Image.new("L", (1000, 1400), 255), [], 120
    for path in sorted((Path(__file__).parents[1] / "benchmarks" / "samples").glob("rendered-en-*.png"))[:12]:
        with Image.open(path) as image:
            strip = image.convert("L").resize((min(800, round(44 * image.width / image.height)), 44))
        page.paste(strip, (100, top))
        boxes.append((100, top, 100 + strip.width, top + 44))
        top += 90
    return np.asarray(page), boxes
