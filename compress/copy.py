"""Copying an artefact as it is."""

from __future__ import annotations

import shutil
from pathlib import Path

from inkport.core.artifact import SIDECAR, Artifact, load_artifact
from inkport.core.errors import UsageError
from inkport.core.files import new_directory


def copy_artifact(artifact: Artifact, out: Path) -> Artifact:
    """Copy an artefact, sidecar included, and check the copy's digests.

    Args:
        artifact: The artefact.
        out: Its new directory; an artefact that is there is replaced.

    Raises:
        UsageError: If ``out`` is something else than an artefact or an empty folder: it would be lost.
    """
    if out.exists() and not (out / SIDECAR).is_file() and not (out.is_dir() and not any(out.iterdir())):
        raise UsageError(
            f"{out}: would be replaced, but holds no artefact (no {SIDECAR})", remedy="name another folder"
        )
    with new_directory(out) as folder:
        shutil.copytree(artifact.path, folder, dirs_exist_ok=True)
    return load_artifact(out)
