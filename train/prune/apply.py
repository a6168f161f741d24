"""The smaller network: without the channels and blocks that matter least, or with layers as products of two."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from inkport.core.config import to_plain
from inkport.core.errors import UsageError
from inkport.model.convtext import ConvText
from inkport.model.weights import Weights, deploy_tensors
from inkport.model.zoo import build
from inkport.train.prune.groups import (
    PruneGroup,
    convtext_network,
    describe,
    parent_digest,
    prunable_groups,
    remove_blocks,
    root_layer,
)
from inkport.train.prune.importance import (
    Calibration,
    Gradients,
    Importance,
    gradients_on,
    least,
    reestimate_statistics,
    scores,
)


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """What to remove, and by which measure.

    Raises:
        UsageError: If a ratio is not within 0..1, or the multiple is below 1.
    """

    ratios: Mapping[str, float]
    """Share to remove, by group; of a block, 1 removes it and 0 keeps it."""
    importance: Importance = Importance.GROUP_L2
    """The measure."""
    multiple: int = 8
    """What the sizes that stay are rounded to; heads are not."""

    def __post_init__(self) -> None:
        for name, ratio in self.ratios.items():
            if not 0 <= ratio <= 1:
                raise UsageError(f"{name}: a ratio is a share to remove, within 0..1, found {ratio}")
        if self.multiple < 1:
            raise UsageError(f"sizes are rounded to a multiple of at least 1, found {self.multiple}")


def check_groups(ratios: Mapping[str, float], groups: Mapping[str, PruneGroup]) -> None:
    """Refuse ratios that do not fit a network.

    Raises:
        UsageError: If a group is unknown, all of a group's channels or part of a block are to go, or a block is to go
            that also is to be made smaller.
    """
    for name, ratio in ratios.items():
        if name not in groups:
            raise UsageError(f"{name!r} is not a group of this network", remedy=f"groups: {', '.join(groups)}")
        if groups[name].block and ratio not in (0, 1):
            raise UsageError(f"{name} is a whole block, removed by 1 and kept by 0, found {ratio}")
        if not groups[name].block and ratio == 1:
            raise UsageError(f"{name}: a ratio of 1 leaves nothing", remedy="name a ratio below 1")
    gone = {name for name, ratio in ratios.items() if groups[name].block and ratio == 1}
    for name in ratios:
        if any(name.startswith(f"{block}.") and ratios[name] > 0 for block in gone):
            raise UsageError(f"{name} is to become smaller, and its block to be removed", remedy="ask for one of them")
    blocks = {name for name, group in groups.items() if group.block and name.startswith("encoder.")}
    if blocks and blocks <= gone:
        raise UsageError("all ConvText blocks are to be removed", remedy="keep one")


def prune_weights(
    weights: Weights,
    pruning: Pruning,
    *,
    calibration: Calibration | None = None,
    gradients: Gradients | None = None,
    statistics: bool = False,
    version: str | None = None,
) -> Weights:
    """Return weights of a smaller network: what its ``config`` describes, it is.

    Args:
        weights: Weights of a convtext-family network, pruned before or not.
        pruning: What to remove.
        calibration: Training lines; Taylor importance and statistics need them.
        gradients: Those of ``gradients_on`` these weights and lines, where they are known already.
        statistics: Whether to re-estimate batch-norm statistics on the calibration lines.
        version: Version of the result; that of ``weights`` if left out.

    Raises:
        UsageError: If the network is of another family, a group or ratio does not fit, or calibration lines are needed.
    """
    network = convtext_network(weights)
    groups = prunable_groups(network.config)
    check_groups(pruning.ratios, groups)
    if calibration is None and (statistics or pruning.importance is Importance.TAYLOR):
        raise UsageError("Taylor importance and batch-norm statistics need training lines", remedy="name some")
    if pruning.importance is Importance.TAYLOR and calibration is not None and gradients is None:
        gradients = gradients_on(network, calibration)
    removed = prune_channels(network, pruning, gradients or {})
    config = describe(network, weights.spec.name)
    tensors = deploy_tensors(network)
    gone = [name for name, ratio in pruning.ratios.items() if groups[name].block and ratio == 1]
    config, tensors = remove_blocks(network, gone, config, tensors, weights.spec.name)
    small = build(weights.spec.name, weights.spec.charset.size, config)
    small.load_state_dict(tensors)
    if statistics and calibration is not None:
        reestimate_statistics(small, calibration)
    record = {
        **to_plain(pruning),
        "removed": {name: list(indices) for name, indices in removed.items()} | {name: [0] for name in gone},
        "calibration": None if calibration is None else calibration.record(),
        "statistics": statistics,
        "parent": parent_digest(weights),
    }
    return Weights(
        spec=weights.spec if version is None else replace(weights.spec, version=version),
        config=config,
        provenance={"prune": record, "provenance": weights.provenance},
        tensors=deploy_tensors(small),
    )


def prune_channels(network: ConvText, pruning: Pruning, gradients: Gradients) -> dict[str, Sequence[int]]:
    """Remove channels, heads and hidden units in place; return the members removed, by group.

    What goes is chosen in all groups before anything goes, so the order of the groups decides nothing. Heads are
    groups of neighbouring outputs of the query; torch-pruning follows them through the products of attention to
    keys, values and the output layer.

    Args:
        network: The network.
        pruning: What to remove.
        gradients: Gradients of the loss by parameter, for Taylor importance.
    """
    groups = {n: g for n, g in prunable_groups(network.config).items() if not g.block and pruning.ratios.get(n, 0) > 0}
    if not groups:
        return {}
    graph = dependency_graph(network)
    for name, parameter in network.named_parameters():
        parameter.grad = gradients.get(name)
    chosen = {}
    for name, group in groups.items():
        found = scores(pruning.importance, _whole(graph, network, group), name=name, unit=group.unit)
        chosen[name] = least(found, group.size - group.kept(pruning.ratios[name], pruning.multiple))
    for name, group in groups.items():
        outputs = [member * group.unit + i for member in chosen[name] for i in range(group.unit)]
        if outputs:
            layer = root_layer(network, group)
            graph.get_pruning_group(layer, graph.get_pruner_of_module(layer).prune_out_channels, outputs).prune()
    return {name: members for name, members in chosen.items() if members}


def dependency_graph(network: ConvText) -> Any:
    """Return torch-pruning's graph of which channels depend on one another (Fang et al. 2023, arXiv 2301.12900)."""
    import torch_pruning as tp

    def outputs(model: ConvText, images: torch.Tensor) -> list[torch.Tensor]:
        made = model.forward_train(images)
        return [made.logits, *made.auxiliary.values()]

    network.eval()
    network.requires_grad_(True)
    images = torch.zeros(2, 1, network.config.height, 64)
    with warnings.catch_warnings(), torch.enable_grad():
        warnings.simplefilter("ignore")
        return tp.DependencyGraph().build_dependency(network, example_inputs=images, forward_fn=outputs)


def _whole(graph: Any, network: ConvText, group: PruneGroup) -> Any:
    layer = root_layer(network, group)
    every = list(range(group.size * group.unit))
    return graph.get_pruning_group(layer, graph.get_pruner_of_module(layer).prune_out_channels, every)


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
