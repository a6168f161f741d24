"""What comes inside the package: int8 artifacts, so that `inkport read` works at once, and language models."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from inkport.core.artifact import Artifact, load_artifact
from inkport.core.errors import ArtifactNotFoundError


BUNDLED = ("convtext-tiny-int8", "convtext-tiny-openvino-int8", "convtext-small-int8")
"""Folders under ``inkport/bundle``, int8 of the shipped weights, the usual one first: ONNX or OpenVINO's IR."""
BUNDLED_LMS = ("fr-en",)
"""Language models under ``inkport/bundle/lm``, with weights for the shipped recognisers beside them."""


def bundled_artifacts() -> tuple[Artifact, ...]:
    """Open the artifacts that come with the package, the usual one first.

    Raises:
        ArtifactNotFoundError: If this build of the package has none.
        ArtifactCorruptError: If one is damaged.
    """
    return tuple(load_artifact(bundle_folder() / name) for name in BUNDLED)


def find_lm(lm: Path) -> Path:
    """Return the file of a language model that was named on a command line: a file, or one in ``BUNDLED_LMS``.

    Raises:
        ArtifactNotFoundError: If it is neither.
    """
    if lm.is_file():
        return lm
    bundled = bundle_folder() / "lm" / f"{lm}.npz"
    if str(lm) not in BUNDLED_LMS or not bundled.is_file():
        raise ArtifactNotFoundError(
            f"{lm}: no such file, and no language model that comes with inkport ({', '.join(BUNDLED_LMS)})",
            remedy="build one with inkport lm build",
        )
    return bundled


def bundle_folder() -> Path:
    """Return where the package keeps them."""
    return Path(str(files("inkport"))) / "bundle"
