"""What MODEL means on the command line."""

from __future__ import annotations

import atexit
from importlib.resources import files
from pathlib import Path

from inkport.core.artifact import SIDECAR, Artifact, bundle_folder, load_artifact
from inkport.core.errors import RuntimeUnavailableError, UsageError
from inkport.core.hub.reference import FILES, Kind, is_reference, parse_reference
from inkport.core.onnx_metadata import artifact_from_onnx
from inkport.core.scratch import scratch_folder


SHIPPED = "convtext-tiny"
"""The shipped model that a command takes when none is named."""
FP32 = f"{SHIPPED}-fp32"
"""The same in ONNX, in the package; what the name means where the weights are not there."""
WHERE_WEIGHTS = "those of the shipped models are in inkport's repository, in model/shipped, and not in the package"
"""Where to find what training starts from."""


def resolve_model(model: str | None, *, work: Path | None = None) -> Artifact:
    """Open what the user named as the model.

    Args:
        model: A weights file (``.safetensors``) of `inkport train run`, an ONNX file that inkport exported, the
            directory of an artifact, one of these on the hub as ``hf://user/model``, or the name of a shipped model:
            its float32 weights, or an artifact inside the package; the shipped ``convtext-tiny`` if None, of which a
            package without weights has the ONNX in fp32.
        work: Where a weights file becomes an artifact, in ``safetensors-fp32``; a temporary folder that is
            gone when the process ends if None.

    Returns:
        The artifact, digests checked.

    Raises:
        UsageError: If there is no such file, directory or shipped model.
        ArtifactError: If the artifact or the weights are damaged.
        HubError: If it is on the hub, and not there, no artifact, or out of reach.
        RuntimeUnavailableError: If it is a weights file and torch is missing, or on the hub and huggingface_hub is.
    """
    if model is not None and is_reference(model):
        return _from_hub(model, work)
    path = Path(model if model is not None else SHIPPED)
    if model is not None and path.is_file():
        return _from_onnx(path) if path.suffix == ".onnx" else _from_weights(path, work)
    if model is not None and path.is_dir():
        return load_artifact(path)
    shipped = _shipped_models()
    if str(path) in shipped:
        return load_artifact(shipped[str(path)])
    if model is None:
        raise UsageError("this build of inkport ships no model", remedy="name a weights file or an artifact")
    raise UsageError(
        f"{model!r} is neither a weights file, an artifact directory nor a shipped model",
        remedy=f"shipped models: {', '.join(sorted(shipped)) or 'none in this build'}; one on the hub is "
        f"hf://user/model; as to weights, {WHERE_WEIGHTS}",
    )


def names_model(path: Path) -> bool:
    """Whether a path can only be meant as a model: a weights file, an artifact, a shipped or a published model."""
    if is_reference(path):
        reference = parse_reference(path)
        return reference.kind is Kind.MODEL and (not reference.path or path.suffix in FILES)
    if path.suffix == ".safetensors" or (path / SIDECAR).is_file():
        return True
    return not path.exists() and str(path) in _shipped_models()


def _shipped_models() -> dict[str, Path]:
    models = {
        sidecar.parent.name: sidecar.parent
        for folder in (_shipped_folder(), bundle_folder())
        for sidecar in folder.glob(f"*/{SIDECAR}")
    }
    if FP32 in models:
        models.setdefault(SHIPPED, models[FP32])
    return models


def _shipped_folder() -> Path:
    return Path(str(files("inkport.model"))) / "shipped"


def shipped_weights() -> Path:
    """Return the file of the weights that training starts from if none are named.

    Raises:
        UsageError: If this build of inkport has none.
    """
    weights = _shipped_folder() / SHIPPED / "weights.safetensors"
    if not weights.is_file():
        raise UsageError("this build of inkport has no weights to start from", remedy=f"name them; {WHERE_WEIGHTS}")
    return weights


def _from_hub(model: str, work: Path | None) -> Artifact:
    from inkport.commands._output import say
    from inkport.core.hub.model import fetch_artifact
    from inkport.core.hub.repository import open_repository

    reference = parse_reference(model)
    repository = open_repository(reference)
    if reference.path in repository.files and reference.path.endswith(FILES):
        file = repository.fetch([reference.path]) / reference.path
        artifact = _from_onnx(file) if file.suffix == ".onnx" else _from_weights(file, work)
    else:
        artifact = fetch_artifact(repository, _folder() / "artifact")
    made = artifact.provenance
    say(
        f"{reference}: commit {repository.commit[:12]}, artifact {artifact.digest[:12]}\n"
        f"  licence: {made.licence or repository.licence or 'not stated'}\n"
        f"  attribution: {made.attribution or 'not stated'}"
    )
    return artifact


def _from_weights(path: Path, work: Path | None) -> Artifact:
    try:
        from inkport.export.from_torch.network import safetensors_from_weights
    except ModuleNotFoundError as error:
        raise RuntimeUnavailableError(
            f"{path}: a weights file is read with {error.name}, which is not installed",
            remedy="pip install 'inkport[export]'",
        ) from error
    return safetensors_from_weights(path, (work or _folder()) / "safetensors-fp32")


def _from_onnx(path: Path) -> Artifact:
    return artifact_from_onnx(path, _folder() / "onnx")


def _folder() -> Path:
    """Return a temporary folder that is gone when the process ends."""
    folder = scratch_folder("model")
    atexit.register(folder.remove)
    return folder.path
