"""The teacher: which one may teach whom, and what it says about a batch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from inkport.core.errors import SpecMismatchError
from inkport.core.files import sha256_file
from inkport.core.spec import RecogniserSpec
from inkport.model.recogniser import Recogniser
from inkport.model.weights import Weights, load_weights


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """A network that teaches."""

    weights: Weights
    """The network."""
    sha256: str
    """Digest (hex) of its file."""


def load_teacher(path: Path) -> Teacher:
    """Read a teacher.

    Raises:
        ArtifactNotFoundError: If there is no such file.
        ArtifactCorruptError: If it is not one of ours.
    """
    return Teacher(weights=load_weights(path), sha256=sha256_file(path))


def check_teacher(teacher: Teacher, student: RecogniserSpec) -> None:
    """Refuse a teacher whose frames, labels or images are not the student's.

    Raises:
        SpecMismatchError: If stride, charset or preprocessing differ.
    """
    found = teacher.weights.spec
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
