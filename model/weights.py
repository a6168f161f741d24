"""Weights on disk, one safetensors file that also says which network they belong to, and averages of several.

The metadata key ``inkport`` holds JSON: the recogniser's specification, the network's configuration, and
where the weights came from. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isclose
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from inkport.core.documents import parse_json
from inkport.core.errors import (
    ArtifactCorruptError,
    ArtifactNotFoundError,
    RecipeError,
    SpecError,
    SpecMismatchError,
    UsageError,
)
from inkport.core.files import write_atomically
from inkport.core.reading import open_regular
from inkport.core.spec import RecogniserSpec
from inkport.lines.roles import flat_provenance
from inkport.model.recogniser import Recogniser
from inkport.model.zoo import build, plan


FORMAT_VERSION = 1
"""Version of the metadata; a newer one is refused."""
KEY = "inkport"
"""Key of the metadata."""
HEAD_BYTES = 16 << 20
"""Largest head of a safetensors file: it names the tensors, and holds our metadata, about 0.1 MB."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A trained network with all that is needed to use it."""

    spec: RecogniserSpec
    """The recogniser."""
    config: dict[str, Any]
    """Arguments of the network, for ``inkport.model.zoo.build``."""
    provenance: dict[str, Any]
    """Where the weights came from: recipe, data, steps."""
    tensors: dict[str, Tensor]
    """The network's state."""

    def network(self) -> Recogniser:
        """Return the network in evaluation mode, on the CPU.

        Raises:
            ArtifactCorruptError: If specification, configuration and tensors do not fit each other.
        """
        try:
            self._check_shapes(plan(self.spec.name, self.spec.charset.size, self.config))
            network = build(self.spec.name, self.spec.charset.size, self.config)
            network.config.check_input(self.spec.preprocess)
            network.load_state_dict(self.tensors)
        except (RecipeError, RuntimeError) as error:
            raise ArtifactCorruptError(f"the weights do not fit the network {self.spec.name!r} ({error})") from error
        return network.eval()

    def _check_shapes(self, planned: Mapping[str, Tensor]) -> None:
        """Compare the tensors with a network that has not been built yet, and may be of any size."""
        for name in sorted(planned.keys() | self.tensors.keys()):
            wanted, found = (_describe(state.get(name)) for state in (planned, self.tensors))
            if wanted != found:
                raise RecipeError(f"{name} is {found}, expected {wanted}")


def _describe(tensor: Tensor | None) -> str:
    return "absent" if tensor is None else f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"


def save_weights(path: Path, weights: Weights, *, half: bool = False) -> None:
    """Write ``weights`` to a safetensors file, atomically; equal weights give equal bytes.

    The digests of lines in the provenance of all that they descend from become one record (``inkport.lines.roles``).

    Args:
        path: The file.
        weights: What to write.
        half: Whether values are kept in half precision, in half the bytes; ``load_weights`` widens them again.

    Raises:
        ArtifactCorruptError: If such a record is malformed.
        UsageError: If a value is too large for half precision.
    """
    metadata = {
        "schema": FORMAT_VERSION,
        "spec": weights.spec.to_dict(),
        "config": weights.config,
        "provenance": flat_provenance(weights.provenance),
    }
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.tensors.items()}
    if half:
        tensors = {name: _halved(name, tensor) for name, tensor in tensors.items()}
    text = json.dumps(metadata, ensure_ascii=False, sort_keys=True)
    write_atomically(path, save(tensors, metadata={KEY: text}))


def _halved(name: str, tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        return tensor
    halved = tensor.half()
    if bool((halved.isinf() & tensor.isfinite()).any()):
        largest = torch.finfo(torch.float16).max
        raise UsageError(
            f"{name} has values up to {tensor.abs().max():.3g}, half precision reaches {largest:g}",
            remedy="keep the weights in single precision",
        )
    return halved


def read_tensors(path: Path, key: str, *, wanted: str, remedy: str) -> tuple[Any, dict[str, Tensor]]:
    """Return what a safetensors file says of itself, as JSON, and its tensors.

    Args:
        path: The file.
        key: Of the metadata that is wanted.
        wanted: What that is, in errors.
        remedy: What helps against a file without it.

    Raises:
        ArtifactNotFoundError: If there is no such file.
        ArtifactCorruptError: If it is not a safetensors file, or has no such metadata.
    """
    if not path.is_file():
        raise ArtifactNotFoundError(f"{path}: no such weights file")
    try:
        check_head(path)
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(key)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError) as error:
        raise ArtifactCorruptError(f"{path}: not a readable safetensors file ({error})") from error
    if text is None:
        raise ArtifactCorruptError(f"{path}: a safetensors file, but without {wanted}", remedy=remedy)
    return parse_json(text, where=f"{path}: {wanted}", error=ArtifactCorruptError), tensors


def load_weights(path: Path) -> Weights:
    """Read weights that ``save_weights`` wrote; those in half precision come back as float32, exactly.

    Raises:
        ArtifactNotFoundError: If there is no such file.
        ArtifactCorruptError: If it is not a safetensors file, or not one of ours.
    """
    metadata, stored = read_tensors(
        path, KEY, wanted="inkport's metadata", remedy="pass weights that `inkport train run` wrote"
    )
    tensors = {name: t.float() if t.dtype is torch.float16 else t for name, t in stored.items()}
    try:
        if metadata["schema"] > FORMAT_VERSION:
            raise ArtifactCorruptError(
                f"{path}: metadata schema {metadata['schema']}, this inkport reads up to {FORMAT_VERSION}",
                remedy="upgrade inkport",
            )
        spec = RecogniserSpec.from_dict(metadata["spec"], where="spec")
        config, provenance = metadata["config"], metadata["provenance"]
        if not isinstance(config, dict) or not isinstance(provenance, dict):
            raise TypeError("config and provenance are tables")
        return Weights(spec=spec, config=config, provenance=provenance, tensors=tensors)
    except (ValueError, KeyError, TypeError, SpecError) as error:
        raise ArtifactCorruptError(f"{path}: inkport's metadata is malformed ({error!r})") from error


def check_head(path: Path) -> None:
    """Refuse a safetensors file whose head is too large, before it is parsed.

    Raises:
        OSError: If the file cannot be read, or is none.
        ValueError: If the head is larger than ``HEAD_BYTES``.
    """
    with open_regular(path) as file:
        size = int.from_bytes(file.read(8), "little")
    if size > HEAD_BYTES:
        raise ValueError(f"a head of {size} bytes, at most {HEAD_BYTES} are parsed")


def deploy_tensors(network: nn.Module) -> dict[str, Tensor]:
    """Return a copy of the network's state, as ``Weights.tensors`` wants it."""
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in network.state_dict().items()}


def count_parameters(network: nn.Module) -> int:
    """Return the number of trainable values, auxiliary training heads included."""
    return sum(p.numel() for p in network.parameters())


def average_weights(files: Sequence[Path], shares: Sequence[float], *, version: str | None = None) -> Weights:
    """Return the average of weights that descend from one another, batch-norm statistics included.

    Rounds that started from the same weights lie in one basin, where the average reads better than each
    (Wortsman et al. 2022, https://arxiv.org/abs/2203.05482; of fine-tuned with original weights: the same,
    https://arxiv.org/abs/2109.01903). Weights of separate trainings do not average to anything useful.

    Args:
        files: Weights files, two or more, of one network, charset and preprocessing.
        shares: One share per file, each above 0; they sum to 1.
        version: Version of the result; that of the first file if left out.

    Raises:
        UsageError: If files and shares do not pair up, or the shares are not above 0 with the sum 1.
        SpecMismatchError: If the files are of different recognisers or network configurations.
        ArtifactError: If a file is missing or damaged.
    """
    if len(files) < 2 or len(files) != len(shares):
        raise UsageError(
            f"{len(files)} files and {len(shares)} shares", remedy="name two files or more, and one share for each"
        )
    if min(shares) <= 0 or not isclose(sum(shares), 1, abs_tol=1e-6):
        raise UsageError(f"the shares {[*shares]} sum to {sum(shares):g}", remedy="name shares above 0 that sum to 1")
    members = [load_weights(path) for path in files]
    first = members[0]
    for path, member in zip(files, members, strict=True):
        if _identity(member) != _identity(first):
            raise SpecMismatchError(
                f"{path}: {member.spec.name} with charset {member.spec.charset.digest[:12]} and {member.config}; "
                f"{files[0]} is {first.spec.name} with charset {first.spec.charset.digest[:12]} and {first.config}",
                remedy="average weights of one network, charset and preprocessing",
            )
    tensors = average_tensors([member.tensors for member in members], shares)
    provenance = [
        {"share": share, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "provenance": member.provenance}
        for path, share, member in zip(files, shares, members, strict=True)
    ]
    spec = first.spec if version is None else replace(first.spec, version=version)
    return Weights(spec=spec, config=first.config, provenance={"average": provenance}, tensors=tensors)


def average_tensors(members: Sequence[Mapping[str, Tensor]], shares: Sequence[float]) -> dict[str, Tensor]:
    """Return the weighted sum of network states, computed in float64; integers are those of the first.

    Args:
        members: States with the same names and shapes.
        shares: One share per state.
    """
    tensors = {}
    for name, tensor in members[0].items():
        if tensor.is_floating_point():
            parts = [share * member[name].double() for share, member in zip(shares, members, strict=True)]
            tensors[name] = sum(parts[1:], parts[0]).to(tensor.dtype)
        else:
            tensors[name] = tensor
    return tensors


def _identity(weights: Weights) -> tuple[object, ...]:
    shapes = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in weights.tensors.items()}
    spec = weights.spec
    return spec.name, spec.charset, spec.preprocess, spec.stride, weights.config, shapes
