"""Whether a whole reader's graph reads what the harness reads with the network that it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from inkport.core.ctc import greedy
from inkport.core.errors import ExportError
from inkport.core.preprocess import normalise, prepare_bytes, to_bytes
from inkport.core.spec import RecogniserSpec
from inkport.export.agreement import Forward
from inkport.export.app.interface import CODE_POINTS, CONFIDENCES, FAULT, FRAMES, IMAGE, OUTPUTS, TENSOR, fault_of
from inkport.lines.samples import sample_lines
from inkport.lines.source import read_lines


EVERY, LINES = 10, 30
"""Of the sample lines every tenth is read, and no more than 30."""
SIZES = (
    (8, 8),
    (8, 200),
    (29, 301),
    (47, 47),
    (48, 333),
    (49, 500),
    (97, 750),
    (200, 2000),
    (640, 1900),
    (1500, 9),
    (90, 1),
)
"""Rows and columns of pictures of noise: enlarged, the same height, shrunk, too narrow."""
CONFIDENCE_TOLERANCE = 1e-5
"""Largest difference of two confidences: exponentials and their sums are rounded differently."""
Pixels = npt.NDArray[np.uint8]
Outputs = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Expected:
    """What the harness has of a picture."""

    fault: int
    """What ``FAULT`` is to say."""
    tensor: Pixels | None = None
    """uint8 (1, 1, height, w); unknown of pictures that it refuses."""
    code_points: tuple[int, ...] = ()
    """Of each symbol."""
    frames: tuple[tuple[int, int], ...] = ()
    """First and last of each symbol."""
    confidences: tuple[float, ...] = ()
    """Of each symbol."""


def expect(image: Pixels, spec: RecogniserSpec, network: Forward) -> Expected:
    """Return what the harness has of a picture: prepared by ``core.preprocess``, read by a network, decoded greedily.

    Args:
        image: uint8 (h, w, 1) or (h, w, 3), as the graph takes it.
        spec: The recogniser.
        network: The network alone.
    """
    if fault := fault_of(image.shape[0], image.shape[1], spec.preprocess):
        return Expected(fault)
    # Pillow makes gray of files too; nothing here shares code with the graph.
    gray = image[..., 0] if image.shape[2] == 1 else np.asarray(Image.fromarray(image).convert("L"))
    tensor = prepare_bytes(gray, spec.preprocess)
    emissions = greedy(network(normalise(tensor, spec.preprocess))[0], spec.charset).emissions
    return Expected(
        0,
        tensor,
        tuple(ord(emission.symbol) for emission in emissions),
        tuple((emission.first_frame, emission.last_frame) for emission in emissions),
        tuple(emission.confidence for emission in emissions),
    )


def difference(found: Outputs, expected: Expected) -> str:
    """Return the first stage in which outputs differ from what is expected, in one phrase; empty if none does."""
    if found[FAULT].tolist() != [expected.fault]:
        return f"{FAULT} is {found[FAULT].tolist()}, expected {expected.fault}"
    if expected.tensor is not None and not np.array_equal(found[TENSOR], expected.tensor):
        return f"{TENSOR} is not the one that the harness prepares"
    if tuple(found[CODE_POINTS].tolist()) != expected.code_points:
        texts = ("".join(map(chr, points)) for points in (found[CODE_POINTS].tolist(), expected.code_points))
        return "reads {!r}, expected {!r}".format(*texts)
    if tuple(map(tuple, found[FRAMES].tolist())) != expected.frames:
        return f"{FRAMES} are {found[FRAMES].tolist()}, expected {list(expected.frames)}"
    worst = float(np.abs(found[CONFIDENCES] - np.array(expected.confidences, np.float32)).max(initial=0))
    # Written so that NaN fails too.
    return "" if worst <= CONFIDENCE_TOLERANCE else f"{CONFIDENCES} differ by {worst:.1e}"


def require_same_reading(stage: str, spec: RecogniserSpec, network: Path, model: bytes) -> None:
    """Compare a whole reader in ONNX Runtime with the harness, on sample lines and on noise of many sizes.

    Args:
        stage: Name of the exporter, for the error.
        spec: The recogniser.
        network: The ONNX file of the network alone.
        model: The whole reader.

    Raises:
        ExportError: If something differs.
        UsageError: If this build ships no sample lines.
    """
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    # Its threads wait for one another at full speed, which on a busy machine takes minutes.
    settings.intra_op_num_threads = 1
    session, alone = (
        onnxruntime.InferenceSession(file, settings, providers=["CPUExecutionProvider"]) for file in (model, network)
    )

    def forward(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.asarray(alone.run([spec.output.name], {spec.input.name: images})[0])

    for name, image in pictures():
        found = dict(zip(OUTPUTS, session.run(list(OUTPUTS), {IMAGE: image}), strict=True))
        if fault := difference(found, expect(image, spec, forward)):
            raise ExportError(
                f"{stage}: {name}, {image.shape[1]} x {image.shape[0]} px in {image.shape[2]} channels: {fault}",
                remedy="ONNX Runtime computes the graph differently: try the version that pyproject.toml pins",
            )


def pictures() -> Iterator[tuple[str, Pixels]]:
    """Yield pictures with names, gray and in colour: sample lines, and noise of ``SIZES``."""
    for line in islice(read_lines([sample_lines()]), 0, EVERY * LINES, EVERY):
        gray = to_bytes(line.pixels())
        yield line.id, gray[..., None]
        # Ink on paper of another colour in each channel.
        yield f"{line.id} in colour", np.stack([gray, gray // 2 + 64, 255 - gray // 3], axis=-1)
    rng = np.random.default_rng(0)
    for height, width in SIZES:
        for channels in (1, 3):
            yield "noise", rng.integers(0, 256, (height, width, channels), np.uint8)
