"""Averaging the weights of several rounds of one training."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isclose
from pathlib import Path

from torch import Tensor

from inkport.core.errors import SpecMismatchError, UsageError
from inkport.model.weights import Weights, load_weights


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
