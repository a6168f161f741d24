"""Copying an artefact as it is."""

from __future__ import annotations

import shutil
from pathlib import Path

from inkport.core.artifact import Artifact, load_artifact, refuse_to_replace
from inkport.core.files import new_directory


def copy_artifact(artifact: Artifact, out: Path) -> Artifact:
    """Copy an artefact, sidecar included, and check the copy's digests.

    Args:
        artifact: The artefact.
        out: Its new directory; an artefact that is there is replaced.

    Raises:
        UsageError: If ``out`` is something else than an artefact or an empty folder: it would be lost.
    """
    refuse_to_replace(out)
    with new_directory(out) as folder:
        shutil.copytree(artifact.path, folder, dirs_exist_ok=True)
    return load_artifact(out)
