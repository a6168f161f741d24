"""Low-rank factorisation: one layer becomes two thin ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from inkport.core.errors import UsageError
from inkport.model.weights import Weights, deploy_tensors
from inkport.model.zoo import build
from inkport.train.prune.batches import Calibration
from inkport.train.prune.groups import convtext_network, parent_digest


def factorise_weights(
    weights: Weights, ranks: Mapping[str, int], *, calibration: Calibration | None = None, version: str | None = None
) -> Weights:
    """Return weights with layers as products of two, the best ones of their ranks.

    The best for the weights by the singular value decomposition, which at full rank is exact; with calibration
    lines the best for the outputs of linear layers on these lines (decomposition after whitening by the inputs'
    second moments; Wang et al. 2024, https://arxiv.org/abs/2403.07378). Convolutions as in Zhang et al. 2016,
    https://arxiv.org/abs/1505.06798: the kernel to few channels, then 1x1.

    Args:
        weights: Weights of a convtext-family network.
        ranks: Rank by name of the layer: ``encoder.0.feed_in.0``, ``cnn.2.body.1.0``.
        calibration: Training lines that inputs are taken from; the weights alone decide if left out.
        version: Version of the result; that of ``weights`` if left out.

    Raises:
        UsageError: If a layer is unknown, neither linear nor a convolution, factorised already, or has a smaller rank.
    """
    network = convtext_network(weights)
    layers = {name: _layer(network, name, rank) for name, rank in ranks.items()}
    moments = {} if calibration is None else _moments(network, layers, calibration)
    tensors = deploy_tensors(network)
    for name, layer in layers.items():
        first, second = factors(layer.weight.detach(), ranks[name], moments.get(name))
        bias = tensors.pop(f"{name}.bias", None)
        del tensors[f"{name}.weight"]
        tensors[f"{name}.0.weight"] = first
        tensors[f"{name}.1.weight"] = second if isinstance(layer, nn.Linear) else second[:, :, None, None]
        if bias is not None:
            tensors[f"{name}.1.bias"] = bias
    config = weights.config | {"ranks": {**network.config.ranks, **ranks}}
    small = build(weights.spec.name, weights.spec.charset.size, config)
    small.load_state_dict(tensors)
    record = {
        "ranks": dict(ranks),
        "calibration": None if calibration is None else calibration.record(),
        "parent": parent_digest(weights),
    }
    return Weights(
        spec=weights.spec if version is None else replace(weights.spec, version=version),
        config=config,
        provenance={"factorise": record, "provenance": weights.provenance},
        tensors=deploy_tensors(small),
    )


def factors(weight: Tensor, rank: int, moments: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return the two factors of a matrix or filter, (rank, ...) and (outputs, rank), computed in float64.

    Args:
        weight: (outputs, inputs) or (outputs, inputs, h, w).
        rank: At least 1, at most that of the matrix.
        moments: Second moments of the inputs, (inputs, inputs), of a matrix only.
    """
    matrix = weight.double().flatten(1)
    if moments is None:
        left, values, right = torch.linalg.svd(matrix, full_matrices=False)
        first = values[:rank, None] * right[:rank]
    else:
        # A little of the identity keeps inputs that never vary from making the root singular.
        ridge = 1e-6 * moments.diagonal().mean() * torch.eye(len(moments), dtype=torch.float64)
        root = torch.linalg.cholesky(moments + ridge)
        left, values, right = torch.linalg.svd(matrix @ root, full_matrices=False)
        first = torch.linalg.solve_triangular(root, values[:rank, None] * right[:rank], upper=False, left=False)
    return first.reshape(rank, *weight.shape[1:]).float(), left[:, :rank].float()


def _layer(network: nn.Module, name: str, rank: int) -> nn.Linear | nn.Conv2d:
    layer = dict(network.named_modules()).get(name)
    fits = isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.groups == 1)
    if not fits:
        raise UsageError(
            f"{name!r} is not a layer that can be factorised",
            remedy="name a linear layer or a 2-d convolution of the network, for example encoder.0.feed_in.0",
        )
    assert isinstance(layer, nn.Linear | nn.Conv2d)  # noqa: S101 - checked above
    most = min(len(layer.weight), layer.weight[0].numel())
    if not 1 <= rank <= most:
        raise UsageError(f"{name}: the rank lies within 1..{most}, found {rank}")
    return layer


@torch.no_grad()
def _moments(
    network: nn.Module, layers: Mapping[str, nn.Linear | nn.Conv2d], calibration: Calibration
) -> dict[str, Tensor]:
    sums: dict[str, Tensor] = {}
    hooks = []
    for name, layer in layers.items():
        if isinstance(layer, nn.Linear):

            def add(_: nn.Module, inputs: tuple[Tensor, ...], name: str = name) -> None:
                rows = inputs[0].flatten(0, -2).double()
                sums[name] = sums.get(name, torch.zeros(())) + rows.T @ rows

            hooks.append(layer.register_forward_pre_hook(add))
    for batch in calibration.batches():
        network(calibration.images(batch))
    for hook in hooks:
        hook.remove()
    return sums
