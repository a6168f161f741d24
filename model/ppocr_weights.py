"""Pretrained weights of PP-OCRv6_rec_small, read from the package rapidocr where that is installed.

They belong to PaddleOCR (Apache-2.0) and are not part of inkport: what is made from them says so in its provenance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from inkport.core.attribution import ATTRIBUTION, LICENCE
from inkport.core.charset import BLANK, Charset
from inkport.core.errors import ArtifactCorruptError, RecipeError, RuntimeUnavailableError, needing
from inkport.core.files import sha256_file
from inkport.core.reading import read_bytes
from inkport.core.spec import RecogniserSpec
from inkport.model.ppocr import ConvNormSilu, EncoderBlock, PpOcr, PpOcrConfig
from inkport.model.weights import Weights, deploy_tensors


NETWORK = "ppocr-small"
"""Name of the network in ``inkport.model.zoo``."""
MODEL = "PP-OCRv6_rec_small"
"""Name of the file in rapidocr's folder of models, without its suffix."""
RELEASE = "3.10.0"
"""Release of rapidocr that brings it along."""
SHA256 = "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884"
"""Digest of the file, as rapidocr's MODEL_LICENSES.md gives it."""
BYTES = 64 << 20
"""Largest file that is read; the known one has 21 MB."""
CREDIT = (
    f"Descends from {MODEL} of PaddleOCR (https://github.com/PaddlePaddle/PaddleOCR), copyright Baidu and/or the "
    f"PaddleOCR rights holders, Apache License 2.0, as distributed with rapidocr {RELEASE}. Changed: gray input, a "
    "frame every four columns, another charset, trained on."
)
"""What everything that descends from these weights says, as sections 4(b) and 4(c) of the licence ask."""
TERMS = f"Apache License 2.0 ({MODEL})"
"""On what terms they are to be had."""
CONVOLUTIONS = (
    *(68, 69, 70, 71, 72),
    *(74, 7, 8, 75, 76, 78, 79, 80, 82, 83, 84),
    *(85, 86, 87),
    *(89, 24, 25, 90, 91, 93, 94, 95, 97, 34, 35, 98, 99, 101, 102, 103, 105, 44, 45, 106, 107, 109, 110, 111),
    *(112, 113, 114),
    *(116, 57, 58, 117, 118, 120, 121, 122),
)
"""Numbers of the CNN's filters in the file, in the order of the graph: stem, stage, transition, stage, ..."""
Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PpOcrFile:
    """What the file holds."""

    tensors: Mapping[str, Array]
    """Its values by their names."""
    labels: Mapping[str, int]
    """Class of each symbol; 0 is the blank."""


def installed_file() -> Path:
    """Return the file that the installed rapidocr brings along; the package is not imported.

    Raises:
        RuntimeUnavailableError: If rapidocr is not installed, or another release that lacks the file.
        ArtifactCorruptError: If the file is another one.
    """
    spec, remedy = find_spec("rapidocr"), "pip install 'inkport[ppocr]'"
    if spec is None or spec.origin is None:
        raise RuntimeUnavailableError(f"{MODEL} needs rapidocr, which is not installed", remedy=remedy)
    file = Path(spec.origin).parent / "models" / f"{MODEL}.onnx"
    if not file.is_file():
        raise RuntimeUnavailableError(f"{file}: the installed rapidocr has no such file", remedy=remedy)
    if (found := sha256_file(file)) != SHA256:
        raise ArtifactCorruptError(
            f"{file}: SHA-256 is {found[:12]}..., that of rapidocr {RELEASE} is {SHA256[:12]}...", remedy=remedy
        )
    return file


def read_file(path: Path) -> PpOcrFile:
    """Read tensors and symbols.

    Args:
        path: An ONNX file with the names of ``PP-OCRv6_rec_small.onnx``.

    Raises:
        RuntimeUnavailableError: If the package onnx is not installed.
        ArtifactCorruptError: If the file has no list of symbols.
    """
    with needing(MODEL, extra="ppocr"):
        import onnx
        from onnx.numpy_helper import to_array
    model = onnx.load_model_from_string(read_bytes(path, limit=BYTES))
    listed = [entry.value for entry in model.metadata_props if entry.key == "character"]
    if not listed:
        raise ArtifactCorruptError(f"{path}: no list of symbols in its metadata")
    # As RapidOCR reads it: the blank first, a space last.
    symbols = [*listed[0].split("\n"), " "]
    return PpOcrFile(
        tensors={tensor.name: to_array(tensor) for tensor in model.graph.initializer},
        labels={symbol: label for label, symbol in enumerate(symbols, start=1)},
    )


def pretrained(spec: RecogniserSpec, file: Path | None = None) -> Weights:
    """Return the pretrained weights for a charset, in the network's default shape.

    The head keeps the rows of the symbols that the file knows. A symbol that it lacks gets the mean of the others'
    rows, as in ``inkport.model.grow.extend_weights``, and must be learnt.

    Args:
        spec: The recogniser to be.
        file: The ONNX file; that of the installed rapidocr if left out.

    Raises:
        RecipeError: If the recogniser is another network; if its images are normalised, which this network does itself;
            or if the file knows none of its symbols.
        RuntimeUnavailableError: If rapidocr or onnx is not installed.
        ArtifactCorruptError: If the file is not the known one, or a tensor is missing.
    """
    if spec.name != NETWORK:
        raise RecipeError(f'init = "ppocr" is for the network {NETWORK}, the recipe has {spec.name}')
    if (spec.preprocess.mean, spec.preprocess.std) != (0.0, 1.0):
        raise RecipeError(f"{NETWORK} normalises images itself: leave preprocess.mean and preprocess.std out")
    path = installed_file() if file is None else file
    found = read_file(path)
    config = PpOcrConfig(classes=spec.charset.size, height=spec.preprocess.height)
    network = PpOcr(config)
    place_body(network, found.tensors)
    place_head(network, found, spec.charset)
    return Weights(
        spec=spec,
        config={"height": config.height},
        provenance={"pretrained": {"model": MODEL, "sha256": sha256_file(path)}, LICENCE: TERMS, ATTRIBUTION: CREDIT},
        tensors=deploy_tensors(network),
    )


def place_body(network: PpOcr, tensors: Mapping[str, Array]) -> None:
    """Give everything but the head its values, the three colours of the first filter summed.

    Raises:
        ArtifactCorruptError: If a tensor is missing or has another shape.
    """
    state = network.state_dict()
    for name, value in _body(network, tensors):
        if state[name].shape != value.shape:
            raise ArtifactCorruptError(
                f"{MODEL}: {name} is {tuple(value.shape)} in the file, expected {tuple(state[name].shape)}"
            )
        state[name].copy_(value)


def place_head(network: PpOcr, file: PpOcrFile, charset: Charset) -> None:
    """Give the head the rows of a charset's symbols; those that the file lacks get the mean of the others.

    Raises:
        RecipeError: If it knows none of them.
        ArtifactCorruptError: If a tensor is missing.
    """
    labels = [file.labels.get(symbol) for symbol in charset.symbols]
    known = [label for label in labels if label is not None]
    if not known:
        raise RecipeError(f"{MODEL} knows none of the {len(labels)} symbols, for example {charset.symbols[0]!r}")
    for values, name in ((network.head.weight, "linear_8.w_0"), (network.head.bias, "linear_8.b_0")):
        rows = _turned(file.tensors, name)
        mean = rows[known].mean(dim=0, keepdim=True)
        chosen = [rows[BLANK : BLANK + 1], *(mean if label is None else rows[label : label + 1] for label in labels)]
        values.data.copy_(torch.cat(chosen))


def _body(network: PpOcr, tensors: Mapping[str, Array]) -> Iterator[tuple[str, Tensor]]:
    """Yield each value of the network's state but the head's, by its name there."""
    convolutions = [name for name, module in network.cnn.named_modules() if isinstance(module, nn.Conv2d)]
    for index, (name, number) in enumerate(zip(convolutions, CONVOLUTIONS, strict=True)):
        weight = _tensor(tensors, f"conv2d_{number}.w_0")
        yield f"cnn.{name}.weight", weight.sum(dim=1, keepdim=True) if index == 0 else weight
        yield f"cnn.{name}.bias", _tensor(tensors, f"p2o.pd_op.reshape.{index}.0").flatten()
    for name, convolution, norm in (("around", 67, 57), ("enter", 65, 55), ("nearby", 66, 56)):
        assert isinstance(getattr(network, name), ConvNormSilu)  # noqa: S101 - tells mypy and readers
        yield f"{name}.0.weight", _tensor(tensors, f"conv2d_{convolution}.w_0")
        for key, stored in (("weight", "w_0"), ("bias", "b_0"), ("running_mean", "w_1"), ("running_var", "w_2")):
            yield f"{name}.1.{key}", _tensor(tensors, f"batch_norm2d_{norm}.{stored}")
    for index, block in enumerate(network.encoder):
        assert isinstance(block, EncoderBlock)  # noqa: S101
        yield from _encoder_block(f"encoder.{index}", index, block, tensors)
    yield from _norm("norm", 2 * len(network.encoder), tensors)


def _encoder_block(
    name: str, index: int, block: EncoderBlock, tensors: Mapping[str, Array]
) -> Iterator[tuple[str, Tensor]]:
    yield from _norm(f"{name}.attention_norm", 2 * index, tensors)
    weights = _turned(tensors, f"linear_{4 * index}.w_0").chunk(3)
    biases = _tensor(tensors, f"linear_{4 * index}.b_0").chunk(3)
    for part, weight, bias in zip(("query", "key", "value"), weights, biases, strict=True):
        yield f"{name}.attention.{part}.weight", weight
        # Queries are scaled before the layer here, after it there.
        yield f"{name}.attention.{part}.bias", bias * (block.attention.head_dim**-0.5 if part == "query" else 1.0)
    for layer, offset in (("attention.out", 1), ("feed.0", 2), ("feed.2", 3)):
        yield f"{name}.{layer}.weight", _turned(tensors, f"linear_{4 * index + offset}.w_0")
        yield f"{name}.{layer}.bias", _tensor(tensors, f"linear_{4 * index + offset}.b_0")
    yield from _norm(f"{name}.feed_norm", 2 * index + 1, tensors)


def _norm(name: str, index: int, tensors: Mapping[str, Array]) -> Iterator[tuple[str, Tensor]]:
    yield f"{name}.weight", _tensor(tensors, f"helper.reshape.{2 * index}")
    yield f"{name}.bias", _tensor(tensors, f"helper.reshape.{2 * index + 1}")


def _turned(tensors: Mapping[str, Array], name: str) -> Tensor:
    """Return a matrix (inputs, outputs) of the file as torch wants it, or a vector as it is."""
    value = _tensor(tensors, name)
    return value.permute(*reversed(range(value.ndim)))


def _tensor(tensors: Mapping[str, Array], name: str) -> Tensor:
    if name not in tensors:
        raise ArtifactCorruptError(f"{MODEL}: the file has no tensor {name}")
    return torch.from_numpy(tensors[name].copy())
