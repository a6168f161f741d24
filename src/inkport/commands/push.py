"""``inkport push``."""

from __future__ import annotations

from inkport.commands._model import resolve_model
from inkport.commands._output import say
from inkport.core.console import results
from inkport.core.hub.push import push_artifact
from inkport.core.hub.reference import parse_reference


def push(model: str, to: str, /, *, private: bool = False) -> None:
    """Publish an artifact on the Hugging Face hub: its files, the sidecar, and a card with licence and digests.

    It is sent in one commit. A card that is there keeps what its owner has written; only the block that inkport
    writes is replaced. Prints the commit's address. Log in first with ``hf auth login``.

    Args:
        model: An artifact's directory, an ONNX file that inkport exported, a weights file, or the name of a shipped
            model.
        to: hf://user/model, hf://user/model@branch, or hf://user/model/folder; the repository is made if needed.
        private: Make the repository private, if it has to be made.
    """
    reference = parse_reference(to)
    artifact = resolve_model(model)
    say(
        f"sending {', '.join(sorted(artifact.files))}, the sidecar and a card: {artifact.bytes / 1e6:.1f} MB "
        f"to {reference}\n  licence: {artifact.provenance.licence or 'not stated'}"
    )
    results().write(f"{push_artifact(artifact, reference, private=private)}\n")
