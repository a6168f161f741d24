"""The teacher: which one may teach whom, what it says about a batch, and what it reads on the clean lines.

A reading is that of the line as it is, without augmentation, so that it is the best that the teacher has to offer and
the same in every epoch. Only lines that the run will see are read, once, and kept in a file beside the checkpoint.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from inkport.core.charset import Charset
from inkport.core.documents import read_json
from inkport.core.errors import DataError, SpecMismatchError
from inkport.core.files import sha256_file, write_atomically
from inkport.core.preprocess import PreprocessSpec
from inkport.core.spec import RecogniserSpec
from inkport.model.recogniser import Recogniser, TrainOutput
from inkport.model.weights import Weights, load_weights
from inkport.train.dataset import Batch, TrainingLines
from inkport.train.network import read_images


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """A network that teaches, or several that speak with one voice."""

    members: tuple[Weights, ...]
    """The networks, at least one."""
    digests: tuple[str, ...]
    """Digest (hex) of each one's file."""

    @property
    def weights(self) -> Weights:
        """The first network, whose charset and features a student may take."""
        return self.members[0]

    @property
    def sha256(self) -> str:
        """The file's digest (hex), or that of all files' digests."""
        return self.digests[0] if len(self.digests) == 1 else sha256(" ".join(self.digests).encode()).hexdigest()

    def network(self) -> Recogniser:
        """Return what teaches, with weights of its own."""
        networks = [weights.network() for weights in self.members]
        return networks[0] if len(networks) == 1 else Ensemble(networks)


class Ensemble(Recogniser):
    """Several networks with one voice: the mean of their log probabilities, and the features of the first.

    Args:
        members: Networks of one stride and charset, which read the same images.
    """

    def __init__(self, members: Sequence[Recogniser]) -> None:
        super().__init__()
        self.config = members[0].config
        self.members = nn.ModuleList(members)

    def forward(self, images: Tensor) -> Tensor:
        """Return the mean log probabilities (n, t, classes), float32, up to a constant per frame."""
        return self.forward_train(images).logits

    def forward_train(self, images: Tensor) -> TrainOutput:
        """Return the mean log probabilities and the features of the first member."""
        outputs = [cast(Recogniser, member).forward_train(images) for member in self.members]
        logits = torch.stack([output.logits.float().log_softmax(dim=2) for output in outputs]).mean(dim=0)
        return TrainOutput(logits=logits, context=outputs[0].context)


def load_teacher(paths: Sequence[Path]) -> Teacher:
    """Read a teacher of one network or several.

    Raises:
        ArtifactNotFoundError: If there is no such file.
        ArtifactCorruptError: If it is not one of ours.
    """
    return Teacher(members=tuple(map(load_weights, paths)), digests=tuple(map(sha256_file, paths)))


def check_teacher(teacher: Teacher, student: RecogniserSpec) -> None:
    """Refuse a teacher one of whose networks has frames, labels or images that are not the student's.

    Raises:
        SpecMismatchError: If stride, charset or preprocessing differ.
    """
    for found in (weights.spec for weights in teacher.members):
        if found.stride != student.stride:
            raise SpecMismatchError(
                f"the teacher {found.name} gives a frame every {found.stride} columns, the student {student.name} "
                f"every {student.stride}",
                remedy="frames can only be compared one to one: choose a teacher and a student of one stride",
            )
        if found.charset != student.charset:
            foreign = sorted(set(student.charset.symbols) ^ set(found.charset.symbols))
            raise SpecMismatchError(
                f"the teacher's charset {found.charset.digest[:12]} is not the student's "
                f"{student.charset.digest[:12]}; symbols that only one of them has: {foreign}",
                remedy="train on lines whose symbols the teacher knows, or choose a teacher that knows them",
            )
        if found.preprocess != student.preprocess:
            raise SpecMismatchError(
                f"the teacher reads images made by {found.preprocess}, the student by {student.preprocess}",
                remedy="give the recipe the teacher's [preprocess] section",
            )


@torch.inference_mode()
def ask(teacher: Recogniser, images: Tensor, *, bf16: bool) -> tuple[Tensor, Tensor]:
    """Return a teacher's logits (n, t, k) and features (n, t, d) for the images that the student sees.

    Args:
        teacher: In evaluation mode.
        images: float32 (n, 1, h, w), augmented and normalised.
        bf16: Whether the pass runs under bfloat16 autocast, as the student's.
    """
    with torch.autocast(images.device.type, torch.bfloat16, enabled=bf16):
        output = teacher.forward_train(images)
    return output.logits, output.context


@dataclass(frozen=True)
class Readings:
    """The teacher's readings by the index of the line; a line without any symbol in its reading has an empty one."""

    labels: Mapping[int, Sequence[int]]
    """Labels of each reading, white space as in a transcription."""
    space: int | None = None
    """Label of the space, which stands between the readings of two lines in one image."""

    @property
    def empty(self) -> int:
        """How many readings are empty."""
        return sum(not labels for labels in self.labels.values())

    def targets(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the labels of a batch, int64 (sum of lengths,), and their lengths, int64 (n,)."""
        pairs = zip(batch.indices.tolist(), batch.partners.tolist(), strict=True)
        chosen = [self._joined(line, partner) for line, partner in pairs]
        labels = torch.tensor([k for labels in chosen for k in labels], dtype=torch.int64)
        return labels, torch.tensor([len(labels) for labels in chosen])

    def _joined(self, line: int, partner: int) -> Sequence[int]:
        first, second = self.labels[line], self.labels[partner] if partner >= 0 else ()
        between = [] if self.space is None or not first or not second else [self.space]
        return [*first, *between, *second]


@dataclass(frozen=True, kw_only=True)
class ReadingRequest:
    """Who reads what."""

    lines: TrainingLines
    """All lines of the run."""
    wanted: Collection[int]
    """Indices of those that it will see."""
    charset: Charset
    """The teacher's charset."""
    preprocess: PreprocessSpec
    """The teacher's preprocessing."""
    key: str
    """Digest of teacher, lines and recipe: readings in a file with another key are made again."""


def keep_readings(path: Path, teacher: nn.Module, request: ReadingRequest) -> None:
    """Write the readings to ``path``, unless they are there already."""
    if _load(path, request) is None:
        texts = _read(teacher, request)
        write_atomically(path, json.dumps({"key": request.key, "texts": texts}, ensure_ascii=False, indent=0))


def load_readings(path: Path, request: ReadingRequest) -> Readings:
    """Return what ``keep_readings`` wrote.

    Raises:
        ValueError: If the file is not there or holds other readings.
    """
    texts = _load(path, request)
    if texts is None:
        message = f"{path}: not the readings of this run"
        raise ValueError(message)
    labels = {symbol: label for label, symbol in enumerate(request.charset.symbols, start=1)}
    found = {int(index): [labels[s] for s in text] for index, text in texts.items()}
    return Readings(found, space=labels.get(" "))


def _load(path: Path, request: ReadingRequest) -> dict[str, str] | None:
    try:
        found = read_json(path)
    except DataError:
        return None
    texts = found.get("texts") if isinstance(found, dict) and found.get("key") == request.key else None
    whole = isinstance(texts, dict) and all(key.isdecimal() and isinstance(text, str) for key, text in texts.items())
    return texts if whole else None


def _read(teacher: nn.Module, request: ReadingRequest) -> dict[str, str]:
    images, spec = request.lines.images, request.preprocess

    def prepared(index: int) -> npt.NDArray[np.float32]:
        gray = images[index][None, None].astype(np.float32) / np.float32(255)
        return (gray - np.float32(spec.mean)) / np.float32(spec.std)

    widths = {index: images[index].shape[1] for index in sorted(request.wanted)}
    readings = read_images(teacher, widths, prepared, request.charset)
    return {str(index): " ".join(readings[index].split()) for index in widths}
