"""Weights of a finder on disk: one safetensors file that also says what the network is and where it came from.

The metadata key ``inkport-finder`` holds JSON: ``schema``, ``kind`` (``line-finder``), ``version``, ``config``,
``provenance``, ``licence`` and ``attribution``. Nothing is ever unpickled.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from inkport.core.config import parse_config, to_plain
from inkport.core.errors import ArtifactCorruptError, RecipeError
from inkport.core.files import write_atomically
from inkport.model.finder import Finder, FinderConfig
from inkport.model.weights import read_tensors


FORMAT_VERSION = 1
"""Version of the metadata; a newer one is refused."""
KIND = "line-finder"
"""What the weights are of."""
KEY = "inkport-finder"
"""Key of the metadata; a recogniser's weights have another, so that neither is taken for the other."""


@dataclass(frozen=True, kw_only=True)
class FinderWeights:
    """A trained finder with all that is needed to use it."""

    version: str
    """Its version."""
    config: FinderConfig
    """Sizes of the network."""
    provenance: dict[str, Any]
    """Where the weights came from: recipe, digests of pages, step."""
    licence: str
    """What whoever uses them has to keep to."""
    attribution: str
    """Whom to credit."""
    tensors: dict[str, Tensor]
    """The network's state."""

    def network(self) -> Finder:
        """Return the network in evaluation mode, on the CPU.

        Raises:
            ArtifactCorruptError: If configuration and tensors do not fit each other.
        """
        network = Finder(self.config)
        try:
            network.load_state_dict(self.tensors)
        except RuntimeError as error:
            raise ArtifactCorruptError(f"the weights do not fit the finder's configuration ({error})") from error
        return network.eval()


def save_finder(path: Path, weights: FinderWeights) -> None:
    """Write weights to a safetensors file, atomically; equal weights give equal bytes."""
    metadata = {
        "schema": FORMAT_VERSION,
        "kind": KIND,
        "version": weights.version,
        "config": to_plain(weights.config),
        "provenance": weights.provenance,
        "licence": weights.licence,
        "attribution": weights.attribution,
    }
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.tensors.items()}
    text = json.dumps(metadata, ensure_ascii=False, sort_keys=True)
    write_atomically(path, save(tensors, metadata={KEY: text}))


def load_finder(path: Path) -> FinderWeights:
    """Read weights that ``save_finder`` wrote.

    Raises:
        ArtifactNotFoundError: If there is no such file.
        ArtifactCorruptError: If it is not a safetensors file, or not one of a finder.
    """
    metadata, tensors = read_tensors(
        path, KEY, wanted="the metadata of a finder", remedy="pass weights that `inkport train finder` wrote"
    )
    try:
        if metadata["schema"] > FORMAT_VERSION:
            raise ArtifactCorruptError(
                f"{path}: metadata schema {metadata['schema']}, this inkport reads up to {FORMAT_VERSION}",
                remedy="upgrade inkport",
            )
        if metadata["kind"] != KIND or not isinstance(metadata["provenance"], dict):
            raise TypeError(f"a {KIND} with a table of provenance was expected")
        return FinderWeights(
            version=str(metadata["version"]),
            config=parse_config(FinderConfig, metadata["config"], where="config"),
            provenance=metadata["provenance"],
            licence=str(metadata["licence"]),
            attribution=str(metadata["attribution"]),
            tensors=tensors,
        )
    except (KeyError, TypeError, RecipeError) as error:
        raise ArtifactCorruptError(f"{path}: the finder's metadata is malformed ({error!r})") from error
