"""The teacher: which one may teach whom, and what it says about a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from inkport.core.errors import SpecMismatchError
from inkport.core.files import sha256_file
from inkport.core.spec import RecogniserSpec
from inkport.model.recogniser import Recogniser, TrainOutput
from inkport.model.weights import Weights, load_weights


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
    for weights in teacher.members:
        _check_member(weights.spec, student)


def _check_member(found: RecogniserSpec, student: RecogniserSpec) -> None:
    if found.stride != student.stride:
        raise SpecMismatchError(
            f"the teacher {found.name} gives a frame every {found.stride} columns, the student {student.name} every "
            f"{student.stride}",
            remedy="frames can only be compared one to one: choose a teacher and a student of one stride",
        )
    if found.charset != student.charset:
        foreign = sorted(set(student.charset.symbols) ^ set(found.charset.symbols))
        raise SpecMismatchError(
            f"the teacher's charset {found.charset.digest[:12]} is not the student's {student.charset.digest[:12]}; "
            f"symbols that only one of them has: {foreign}",
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
