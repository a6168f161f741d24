"""The model card of an artifact: what it is, on what terms, and the digests by which it is known again.

It is a README.md with a block between two marks. Pushing again replaces the block and leaves the rest as its owner has
written it.
"""

from __future__ import annotations

import re
from pathlib import Path

from inkport import __version__
from inkport.core.artifact import SIDECAR, Artifact
from inkport.core.errors import HubError
from inkport.core.files import sha256_file
from inkport.core.hub.reference import HubReference
from inkport.core.reading import read_bytes


CARD = "README.md"
"""Name of a model card on the hub."""
CARD_BYTES = 4 << 20
"""Largest card that is read; the hub shows none that is larger."""
BEGIN, END = "<!-- inkport: this block is written by inkport push -->", "<!-- inkport: end -->"
"""What stands around the block."""
EXTRAS = {
    "coreml": "coreml",
    "executorch": "executorch",
    "litert": "litert",
    "ncnn": "ncnn",
    "onnx": "ort",
    "openvino": "openvino",
    "safetensors": "torch",
}
"""Extra of inkport that reads a format."""
KNOWN_LICENCES = frozenset({"apache-2.0", "cc-by-4.0", "cc-by-nc-4.0", "cc-by-sa-4.0", "cc0-1.0", "mit"})
"""Licences that the hub knows by a name of their own; others are named beside ``other``."""
# From the last beginning before an end: one whose end somebody has deleted begins nothing.
_BLOCK = re.compile(rf"{re.escape(BEGIN)}(?:(?!{re.escape(BEGIN)}).)*?{re.escape(END)}", re.DOTALL)
_DIGEST = re.compile(r"^\| artifact \| `([0-9a-f]{64})` \|$", re.MULTILINE)


def new_card(artifact: Artifact, reference: HubReference) -> str:
    """Return a card for a repository that has none.

    Args:
        artifact: What is pushed.
        reference: Where to.
    """
    licence = artifact.provenance.licence
    known = licence.lower() in KNOWN_LICENCES
    # JSON's strings are YAML's, too.
    terms = [f"license: {licence.lower()}"] if known else ["license: other", "license_name: see-the-card"]
    return "\n".join(
        [
            "---",
            *terms,
            "library_name: inkport",
            "pipeline_tag: image-to-text",
            f"tags: [handwritten-text-recognition, {artifact.format}, {artifact.precision}]",
            "---",
            "",
            f"# {_cell(artifact.spec.name)}",
            "",
            "A recogniser of handwritten lines: the image of one line in, its text out.",
            "",
            f"    pip install 'inkport[hub,{EXTRAS[artifact.format]}]'",
            f"    inkport read line.png --model {reference}",
            "",
            card_block(artifact),
            "",
        ]
    )


def updated_card(card: str, artifact: Artifact) -> str:
    """Return a card with its block as it is for an artifact; one without a block gets it at its end."""
    block = card_block(artifact)
    if _BLOCK.search(card):
        return _BLOCK.sub(lambda _: block, card, count=1)
    return f"{card.rstrip()}\n\n{block}\n"


def card_block(artifact: Artifact) -> str:
    """Return what a card says of an artifact, with the marks around it."""
    spec, made = artifact.spec, artifact.provenance
    told = {
        "name, version": f"{spec.name}, {spec.version}",
        "format": f"{artifact.format} {artifact.precision}",
        "image": f"{spec.preprocess.height} px high, {spec.preprocess.min_width} to {spec.preprocess.max_width} wide",
        "symbols": f"{len(spec.charset.symbols)}",
        "licence": made.licence or "not stated",
        "attribution": made.attribution or "not stated",
        "made by": f"{made.stage}, pushed with inkport {__version__}",
    }
    files = {**artifact.files, SIDECAR: sha256_file(artifact.path / SIDECAR)}
    rows = [f"| {_cell(name)} | {_cell(value)} |" for name, value in told.items()]
    digests = {"artifact": artifact.digest, "weights": artifact.root, **files}
    return "\n".join(
        [
            BEGIN,
            "| | |",
            "|---|---|",
            *rows,
            "",
            "| | SHA-256 |",
            "|---|---|",
            *(f"| {_cell(name)} | `{digest}` |" for name, digest in digests.items()),
            END,
        ]
    )


def read_card(path: Path) -> str:
    """Return the text of a card.

    Raises:
        HubError: If it cannot be read, is larger than any card, or is not UTF-8.
    """
    try:
        return read_bytes(path, limit=CARD_BYTES).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise HubError(f"{path}: no readable card ({error})", remedy="save it as UTF-8 text") from error


def digest_in(card: str) -> str | None:
    """Return the digest of the artifact that a card's block is about; None where it has no block, or no digest."""
    block = _BLOCK.search(card)
    found = _DIGEST.search(block[0]) if block else None
    return found[1] if found else None


def _cell(text: str) -> str:
    """Return a text as a cell of a Markdown table: in one line, and no sign of it means anything."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", " ".join(text.split()))
