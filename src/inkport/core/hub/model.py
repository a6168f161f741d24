"""An artifact on the hub, brought here and checked."""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath

from inkport.core.artifact import SIDECAR, Artifact, load_artifact, read_sidecar
from inkport.core.errors import ArtifactCorruptError, HubError
from inkport.core.files import new_directory
from inkport.core.hub.card import CARD, digest_in, read_card
from inkport.core.hub.repository import Repository


SUFFIXES = {
    "coreml": (".mlmodel", ".json", ".bin"),
    "executorch": (".pte",),
    "litert": (".tflite",),
    "ncnn": (".param", ".bin"),
    "onnx": (".onnx",),
    "openvino": (".xml", ".bin"),
    "safetensors": (".safetensors",),
}
"""Files that an artifact on the hub may consist of, by its format: what its runtime takes as numbers and graphs.

No pickle among them. A ``.bin`` is one of Core ML's, ncnn's or OpenVINO's, which hold the bytes of weights; torch's
files of that name are in no format here. Engines of TensorRT are missing: they run on the GPU that built them."""
FILES = (".onnx", ".safetensors")
"""A file that is a model by itself: an ONNX file that inkport exported, or weights of a training."""


def fetch_artifact(repository: Repository, out: Path) -> Artifact:
    """Bring an artifact here: its sidecar, then what that names and its format allows, and nothing else.

    Args:
        repository: The repository; its reference names the artifact's folder if it is not the whole.
        out: Folder of the artifact, which holds copies; replaced if it is there.

    Returns:
        The artifact, its digests checked, by the card too if there is one.

    Raises:
        HubError: If there is no artifact, or files that it names are missing.
        HubUnavailableError: If the hub cannot be reached.
        ArtifactCorruptError: If the sidecar is malformed or names what no artifact holds, or a digest differs.
    """
    where = repository.reference
    inside = where.within("")
    if where.within(SIDECAR) not in repository.files:
        raise _no_artifact(repository)
    sidecar = repository.fetch([where.within(SIDECAR)]) / inside / SIDECAR
    names = _allowed(sidecar, repository)
    card = where.within(CARD) if where.within(CARD) in repository.files else None
    folder = repository.fetch([*map(where.within, names), *([card] if card else [])]) / inside
    with new_directory(out) as draft:
        for name in (SIDECAR, *names):
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, draft / name)
    try:
        artifact = load_artifact(out)
    except ArtifactCorruptError as error:
        raise ArtifactCorruptError(
            error.message.replace(str(out), str(where)),
            remedy=f"remove {folder}, and fetch it again; if it stays, its owner has to push it again",
        ) from error
    told = digest_in(read_card(folder / CARD)) if card else None
    if told not in (None, artifact.digest):
        raise ArtifactCorruptError(
            f"{where}: the artifact is {artifact.digest[:12]}..., its card is about {told[:12]}...",
            remedy="ask its owner which of them is meant; inkport push writes both",
        )
    return artifact


def allowed_files(format_: str, names: list[str], *, where: str) -> list[str]:
    """Return the names of an artifact's files, or refuse them.

    Args:
        format_: The artifact's format.
        names: What its sidecar names.
        where: Names the artifact in errors.

    Raises:
        ArtifactCorruptError: If one is no file of that format, or lies outside the folder.
    """
    if format_ not in SUFFIXES:
        raise ArtifactCorruptError(
            f"{where}: format {format_!r} is not shared on the hub, only {', '.join(SUFFIXES)}",
            remedy="share the artifact that it was made from",
        )
    for name in names:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or path.suffix.lower() not in SUFFIXES[format_]:
            raise ArtifactCorruptError(
                f"{where}: the sidecar names {name!r}, and {format_} artifacts hold only "
                f"{', '.join(SUFFIXES[format_])}",
                remedy="export the artifact again",
            )
    return names


def _allowed(sidecar: Path, repository: Repository) -> list[str]:
    where = repository.reference
    try:
        told = read_sidecar(sidecar)
    except ArtifactCorruptError as error:
        raise ArtifactCorruptError(error.message.replace(str(sidecar.parent), str(where))) from error
    names = allowed_files(told.format, sorted(told.files), where=str(where))
    if missing := [name for name in names if where.within(name) not in repository.files]:
        raise HubError(
            f"{where}: the sidecar names {', '.join(missing)}, and the repository lacks it",
            remedy="ask its owner to push it again",
        )
    return names


def _no_artifact(repository: Repository) -> HubError:
    where = repository.reference
    below = f"{where.path}/" if where.path else ""
    inner = sorted(
        str(PurePosixPath(name).parent)
        for name in repository.files
        if name.startswith(below) and PurePosixPath(name).name == SIDECAR
    )
    alone = sorted(name for name in repository.files if name.startswith(below) and name.endswith(".onnx"))
    if inner:
        remedy = f"name one of: {', '.join(f'{where.repository}/{folder}' for folder in inner)}"
    elif alone:
        remedy = f"name {where.repository}/{alone[0]} if that is an export; inkport import takes others"
    else:
        remedy = "name a repository that inkport push has written to"
    return HubError(f"{where}: no inkport artifact (no {SIDECAR}); found {repository.listing(below)}", remedy=remedy)
