"""Licence and attribution of a bundle: what an application that ships the model has to show."""

from __future__ import annotations

import json
from importlib.metadata import distributions
from importlib.resources import files
from pathlib import Path

from inkport.core.artifact import SIDECAR, Artifact
from inkport.core.errors import ArtifactNotFoundError


ATTRIBUTION = Path(__file__).with_name("ATTRIBUTION.md")
"""Credits for the data that the shipped weights learned from, as docs/models/convtext-tiny.md lists it."""
UNKNOWN = """# Attribution

These weights descend from {root}, which inkport does not ship: it does not know what they learned from.
Name here the data sets, their authors and licences, and say that the images were changed (cropped, scaled, made gray).
"""


def attribution_text(artifact: Artifact) -> str:
    """Return what to credit, or for weights that are not inkport's own, that it is still to be written."""
    if artifact.root in _shipped_roots():
        return ATTRIBUTION.read_text(encoding="utf-8")
    return UNKNOWN.format(root=artifact.root)


def licence_text() -> str:
    """Return the text of inkport's licence, which is that of header, sample and shipped weights.

    Raises:
        ArtifactNotFoundError: If this installation of inkport has none.
    """
    # A checkout's own metadata (inkport.egg-info) has no licence, and is found first where Python looks there first.
    found = (installed.read_text("licenses/LICENSE") for installed in distributions(name="inkport"))
    text = next((text for text in found if text is not None), None)
    if text is None:
        raise ArtifactNotFoundError("inkport's licence is not installed", remedy="pip install inkport")
    return text


def _shipped_roots() -> set[str]:
    roots: set[str] = set()
    for folder in (Path(str(files("inkport.model"))) / "shipped", Path(str(files("inkport"))) / "bundle"):
        for sidecar in folder.glob(f"*/{SIDECAR}"):
            root = json.loads(sidecar.read_text(encoding="utf-8"))["provenance"].get("root")
            roots.update({root} - {None})
    return roots
