"""Files of language models (``.npz`` for devices, ``.arpa`` for other tools) and of the weights chosen for them."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from inkport.core.arrays import read_npz
from inkport.core.charset import Charset
from inkport.core.config import parse_config, to_plain
from inkport.core.documents import parse_json, read_json, shorten
from inkport.core.errors import ArtifactCorruptError, ArtifactNotFoundError, RecipeError, SpecMismatchError
from inkport.core.files import sha256_file, write_atomically
from inkport.core.lm.arpa import arpa_digests, read_arpa
from inkport.core.lm.model import CharModel, Trie, build_trie


VERSION = 1
"""Version of the file."""
ARRAYS = {"head": "|u1", "points": "<u4", "children": "<u2", "log_prob": "<f2", "backoff": "<f2"}
"""Arrays of the file and their types; the head is JSON in UTF-8."""
ARPA_SUFFIXES = (".arpa", ".arpa.gz")
"""Names of files that other tools read."""


MOST_WEIGHT = 100.0
"""Largest weight of a language model. Chosen ones are below 3; above 700 the exponential of one is infinite."""


@dataclass(frozen=True, kw_only=True)
class Fusion:
    """How a language model takes part in decoding, as chosen on validation lines.

    Raises:
        ValueError: If a number is out of range.
    """

    alpha: float
    """Weight of the language model's log-probability, >= 0."""
    beta: float
    """Added per symbol: without it a language model makes texts short."""
    beam: int = 16
    """Most prefixes kept per frame, at least 1."""
    lm_sha256: str = ""
    """Digest of the language model's file that the numbers were chosen for."""
    charset_sha256: str = ""
    """Digest of the recogniser's charset."""
    root: str = ""
    """Digest of the recogniser's weights, which all of its ports descend from."""
    line_digests: Mapping[str, str] = field(default_factory=dict)
    """Digests of the lines that the numbers were chosen by (``inkport.lines.roles``); empty where not recorded."""

    def __post_init__(self) -> None:
        if not (0 <= self.alpha <= MOST_WEIGHT and abs(self.beta) <= MOST_WEIGHT and self.beam >= 1):
            raise ValueError(
                f"alpha must be within 0..{MOST_WEIGHT}, beta at most that far from 0, and beam at least 1: {self}"
            )


def is_arpa(path: Path) -> bool:
    """Whether a file is named as an ARPA file."""
    return path.name.endswith(ARPA_SUFFIXES)


def save_trie(path: Path, trie: Trie, *, line_digests: Mapping[str, str] | None = None) -> None:
    """Write a model for devices, compressed; the same model gives the same bytes.

    Args:
        path: The file.
        trie: The model.
        line_digests: Digests of the lines whose texts it was built on (``inkport.lines.roles``).
    """
    head = {
        "version": VERSION,
        "order": trie.order,
        "charset_sha256": trie.charset_sha256,
        "unknown": trie.unknown,
        **({"line_digests": dict(line_digests)} if line_digests else {}),
    }
    out = io.BytesIO()
    np.savez_compressed(
        out,
        head=np.frombuffer(json.dumps(head).encode(), dtype=np.uint8),
        points=trie.points,
        children=trie.children,
        log_prob=trie.log_prob,
        backoff=trie.backoff,
    )
    write_atomically(path, out.getvalue())


def load_model(path: Path, charset: Charset) -> CharModel:
    """Open a language model for a recogniser.

    Raises:
        ArtifactNotFoundError: If there is no such file.
        ArtifactCorruptError: If it cannot be read.
        SpecMismatchError: If it was built for another charset.
    """
    if is_arpa(path):
        return CharModel(build_trie(read_arpa(path), charset))
    if not path.is_file():
        raise ArtifactNotFoundError(f"{path}: no such file", remedy="build one with inkport lm build")
    try:
        stored = read_npz(path, ARRAYS)
        head = parse_json(stored["head"].tobytes(), where=str(path), error=ArtifactCorruptError)
        if head["version"] != VERSION:
            raise ArtifactCorruptError(f"{path}: version {shorten(head['version'])}, expected {VERSION}")
        trie = Trie(
            order=int(head["order"]),
            charset_sha256=str(head["charset_sha256"]),
            unknown=float(head["unknown"]),
            points=stored["points"],
            children=stored["children"],
            log_prob=stored["log_prob"],
            backoff=stored["backoff"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactCorruptError(
            f"{path}: not a readable language model ({error})", remedy="build it again"
        ) from error
    if trie.charset_sha256 != charset.digest:
        raise SpecMismatchError(
            f"{path}: built for charset {trie.charset_sha256[:12]}, the recogniser has {charset.digest[:12]}",
            remedy="build it for this recogniser with inkport lm build",
        )
    return CharModel(trie)


def lm_digests(path: Path, *, root: str = "") -> dict[str, str]:
    """Return the digests of the lines that a language model was built on, and of those its weights were chosen by.

    Args:
        path: Its file.
        root: Digest of the recogniser's weights that the weights beside the file must be for; for none if left out.

    Returns:
        Records by role (``inkport.lines.roles``); what is older than such records, or another tool made, has none.

    Raises:
        ArtifactCorruptError: If a file cannot be read.
    """
    built = arpa_digests(path) if is_arpa(path) else _trie_digests(path)
    sha256 = sha256_file(path)
    for fusion in read_fusions(path):
        if root and (fusion.lm_sha256, fusion.root) == (sha256, root):
            return built | dict(fusion.line_digests)
    return built


def _trie_digests(path: Path) -> dict[str, str]:
    try:
        head = parse_json(read_npz(path, ARRAYS)["head"].tobytes(), where=str(path), error=ArtifactCorruptError)
        return {str(role): str(digests) for role, digests in head.get("line_digests", {}).items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactCorruptError(
            f"{path}: not a readable language model ({error})", remedy="build it again"
        ) from error


def fusion_path(path: Path) -> Path:
    """Return where the weights of a language model are kept: beside it."""
    return path.with_name(path.name + ".fusion.json")


def save_fusion(path: Path, fusion: Fusion) -> None:
    """Write the weights beside the language model, in place of those for the same recogniser, beside the others'.

    Raises:
        ArtifactCorruptError: If there is a file of weights already that cannot be read.
    """
    others = [
        other for other in read_fusions(path) if other.lm_sha256 == fusion.lm_sha256 and other.root != fusion.root
    ]
    write_atomically(fusion_path(path), json.dumps([to_plain(one) for one in (*others, fusion)], indent=1) + "\n")


def load_fusion(path: Path, charset: Charset, *, root: str) -> Fusion:
    """Read the weights beside a language model.

    Args:
        path: The language model.
        charset: The recogniser's charset.
        root: Digest of the recogniser's weights: how far to trust a language model depends on what reads.

    Raises:
        ArtifactNotFoundError: If none were chosen yet.
        ArtifactCorruptError: If the file cannot be read.
        SpecMismatchError: If they were chosen for another language model, charset or recogniser.
    """
    place = fusion_path(path)
    if not path.is_file():
        raise ArtifactNotFoundError(f"{path}: no such file", remedy="build one with inkport lm build")
    if not place.is_file():
        raise ArtifactNotFoundError(f"{place}: no weights for {path.name}", remedy="choose them with inkport lm tune")
    sha256 = sha256_file(path)
    fitting = [f for f in read_fusions(path) if (f.lm_sha256, f.charset_sha256) == (sha256, charset.digest)]
    if not fitting:
        raise SpecMismatchError(
            f"{place}: chosen for another language model or charset", remedy="run inkport lm tune again"
        )
    for fusion in fitting:
        if fusion.root == root:
            # Decoding has no use for them, and reports name the file by its digest.
            return replace(fusion, line_digests={})
    known = ", ".join(fusion.root[:12] or "(unknown)" for fusion in fitting)
    raise SpecMismatchError(
        f"{place}: chosen for the recogniser with weights {known}, this one descends from {root[:12]}",
        remedy="run inkport lm tune again, with this recogniser",
    )


def read_fusions(path: Path) -> list[Fusion]:
    """Return the weights beside a language model, for whichever recognisers; none if there is no file.

    Raises:
        ArtifactCorruptError: If the file cannot be read.
    """
    place = fusion_path(path)
    if not place.exists():
        return []
    try:
        entries = read_json(place, error=ArtifactCorruptError, remedy="delete it and run inkport lm tune again")
        if not isinstance(entries, list):
            raise TypeError(f"expected a list, found {type(entries).__name__}")
        return [parse_config(Fusion, entry, where=place.name) for entry in entries]
    except (ValueError, TypeError, RecipeError) as error:
        raise ArtifactCorruptError(
            f"{place}: not readable ({error})", remedy="delete it and run inkport lm tune again"
        ) from error
