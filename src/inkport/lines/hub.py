"""Line sets on the hub, brought here."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path, PurePosixPath

from inkport.core.errors import LineDataError
from inkport.core.hub.reference import HubReference
from inkport.core.hub.repository import Repository, open_repository
from inkport.core.verbosity import is_quiet
from inkport.lines.folder import IMAGE_SUFFIXES, TEXT_SUFFIX


PARQUET, MANIFEST = ".parquet", ".tsv"
"""Files that are line sets, the second one with images in folders beside it."""


@cache
def fetch_lines(reference: HubReference) -> Path:
    """Bring a line set here: a Parquet file, a manifest with the images below its folder, or a folder of images.

    A process takes the revision that it finds first, however often it reads the set.

    Returns:
        The file or folder in huggingface_hub's cache.

    Raises:
        LineDataError: If the reference names no line set; the error says which there are.
        HubError: If there is no such repository or revision, or a file came damaged.
        HubUnavailableError: If the hub cannot be reached.
        RuntimeUnavailableError: If huggingface_hub is not installed.
    """
    repository = open_repository(reference)
    names = _wanted(repository)
    if not is_quiet():
        terms = repository.licence or "not stated on its card"
        sys.stderr.write(f"{reference}: commit {repository.commit[:12]}, licence: {terms}\n")
    return repository.fetch(names) / reference.path


def _wanted(repository: Repository) -> list[str]:
    """Return the files of the line set that a reference names."""
    path, files = repository.reference.path, repository.files
    suffix = PurePosixPath(path).suffix.lower()
    if path in files and suffix == PARQUET:
        return [path]
    if path in files and suffix == MANIFEST:
        folder = str(PurePosixPath(path).parent)
        below = "" if folder == "." else f"{folder}/"
        return [path, *(name for name in files if name.startswith(below) and _is_image(name))]
    inside = [name for name in files if path and str(PurePosixPath(name).parent) == path]
    if found := [name for name in inside if _is_image(name) or name.lower().endswith(TEXT_SUFFIX)]:
        return found
    raise _no_lines(repository)


def _is_image(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES


def _no_lines(repository: Repository) -> LineDataError:
    where = repository.reference
    sets = (PARQUET, MANIFEST)
    first = min((name for name in repository.files if name.lower().endswith(sets)), default=None)
    if first is None:
        return LineDataError(
            f"{where}: no line set; found {repository.listing()}",
            remedy="name a .parquet file, a .tsv manifest, or a folder of images with .gt.txt",
        )
    return LineDataError(
        f"{where}: no line set; it has {repository.listing(suffixes=sets)}",
        remedy=f"name one file: {where.repository}/{first}",
    )
