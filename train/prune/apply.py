"""Pruning weights: which channels go, and the smaller network without them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from inkport.core.config import to_plain
from inkport.core.errors import UsageError
from inkport.model.convtext import ConvText
from inkport.model.weights import Weights, deploy_tensors
from inkport.model.zoo import build
from inkport.train.prune.batches import Calibration, reestimate_statistics
from inkport.train.prune.groups import PruneGroup, convtext_network, parent_digest, prunable_groups, root_layer
from inkport.train.prune.importance import Gradients, Importance, gradients_on, least, scores
from inkport.train.prune.shape import describe, remove_blocks


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
