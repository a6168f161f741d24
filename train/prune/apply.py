"""Pruning weights: which channels go, and the smaller network without them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from inkport.core.errors import UsageError
from inkport.model.convtext import ConvText
from inkport.model.weights import Weights, deploy_tensors
from inkport.model.zoo import build
from inkport.train.prune.batches import Calibration
from inkport.train.prune.groups import STEM_LAYERS, PruneGroup, convtext_network, prunable_groups, root_layer
from inkport.train.prune.importance import Importance, accumulate_gradients, least, scores
from inkport.train.prune.shape import describe, shortest
from inkport.train.prune.statistics import reestimate_statistics


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
            raise UsageError(f"{name!r} is no group of this network", remedy=f"groups: {', '.join(groups)}")
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
    statistics: bool = False,
    version: str | None = None,
) -> Weights:
    """Return weights of a smaller network: what its ``config`` describes, it is.

    Args:
        weights: Weights of a convtext-family network, pruned before or not.
        pruning: What to remove.
        calibration: Training lines; Taylor importance and statistics need them.
        statistics: Whether to take batch-norm statistics anew on the calibration lines.
        version: Version of the result; that of ``weights`` if left out.

    Raises:
        UsageError: If the network is of another family, a group or ratio does not fit, or calibration lines are needed.
    """
    network = convtext_network(weights)
    groups = prunable_groups(network.config)
    check_groups(pruning.ratios, groups)
    if calibration is None and (statistics or pruning.importance is Importance.TAYLOR):
        raise UsageError("Taylor importance and batch-norm statistics need training lines", remedy="name some")
    if pruning.importance is Importance.TAYLOR and calibration is not None:
        accumulate_gradients(network, calibration)
    removed = prune_channels(network, pruning)
    config = describe(network, weights.spec.name)
    tensors = deploy_tensors(network)
    gone = [name for name, ratio in pruning.ratios.items() if groups[name].block and ratio == 1]
    config, tensors = remove_blocks(network, gone, config, tensors, weights.spec.name)
    small = build(weights.spec.name, weights.spec.charset.size, config)
    small.load_state_dict(tensors)
    if statistics and calibration is not None:
        reestimate_statistics(small, calibration)
    record = {
        "ratios": dict(pruning.ratios),
        "importance": pruning.importance.value,
        "multiple": pruning.multiple,
        "removed": {name: len(indices) for name, indices in removed.items()} | dict.fromkeys(gone, 1),
        "calibration": None if calibration is None else _calibration_record(calibration),
        "statistics": statistics,
    }
    return Weights(
        spec=weights.spec if version is None else replace(weights.spec, version=version),
        config=config,
        provenance={"prune": record, "parent": weights.provenance},
        tensors=deploy_tensors(small),
    )


def prune_channels(network: ConvText, pruning: Pruning) -> dict[str, Sequence[int]]:
    """Remove channels, heads and hidden units in place; return the members removed, by group.

    What goes is chosen in all groups before anything goes, so the order of the groups decides nothing. Heads are
    groups of neighbouring outputs of the query; torch-pruning follows them through the products of attention to
    keys, values and the output layer.

    Args:
        network: The network; for Taylor importance its parameters hold gradients.
        pruning: What to remove.
    """
    groups = {n: g for n, g in prunable_groups(network.config).items() if not g.block and pruning.ratios.get(n, 0) > 0}
    if not groups:
        return {}
    gradients = {name: p.grad for name, p in network.named_parameters()}
    graph = dependency_graph(network)
    for name, parameter in network.named_parameters():
        parameter.grad = gradients[name]
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


def remove_blocks(
    network: ConvText, names: Sequence[str], config: dict[str, Any], tensors: dict[str, torch.Tensor], model: str
) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Return settings and state without whole blocks; those behind move up.

    Args:
        network: The network, whose configuration says where its stages begin.
        names: Groups of blocks.
        config: Settings of the network as it is.
        tensors: Its state.
        model: Its name.
    """
    if not names:
        return config, tensors
    full = _full_settings(network, config, model)
    residual = {int(n.removeprefix("residual.")) for n in names if n.startswith("residual.")}
    encoder = {int(n.removeprefix("encoder.")) for n in names if n.startswith("encoder.")}
    blocks, start = [], 0
    for count in full["blocks"]:
        blocks.append(sum(index not in residual for index in range(start, start + count)))
        start += count
    keep = [i for i in range(full["depth"]) if i not in encoder]
    hidden = full["block_hidden"]
    full |= {
        "blocks": blocks,
        "depth": len(keep),
        "block_inner": [width for index, width in enumerate(full["block_inner"]) if index not in residual],
        "block_heads": [full["block_heads"][i] for i in keep],
        "block_hidden": [width for i in keep for width in hidden[2 * i : 2 * i + 2]],
        "block_conv": [full["block_conv"][i] for i in keep],
    }
    renamed = {new: value for name, value in tensors.items() if (new := _rename(name, residual, encoder)) is not None}
    full["ranks"] = {
        new: rank for name, rank in full["ranks"].items() if (new := _rename(name, residual, encoder)) is not None
    }
    return shortest(full, model, network.config.classes), renamed


def _full_settings(network: ConvText, config: dict[str, Any], model: str) -> dict[str, Any]:
    from inkport.core.config import to_plain
    from inkport.model.zoo import find

    shape = find(model).configure(model, network.config.classes, config)
    sizes = shape.block_sizes
    full: dict[str, Any] = {name: value for name, value in to_plain(shape).items() if name != "classes"}
    return full | {
        "block_inner": list(shape.inner),
        "block_heads": [size.heads for size in sizes],
        "block_hidden": [width for size in sizes for width in (size.feed_in, size.feed_out)],
        "block_conv": [size.conv for size in sizes],
        "head_dim": shape.head_width,
        "block_dim": shape.block_width,
    }


def _rename(name: str, residual: set[int], encoder: set[int]) -> str | None:
    """Return a name with the blocks before it gone; None where its own block is."""
    for pattern, gone, first in ((r"cnn\.(\d+)(.*)", residual, STEM_LAYERS), (r"encoder\.(\d+)(.*)", encoder, 0)):
        if match := re.fullmatch(pattern, name):
            index = int(match[1]) - first
            if index in gone:
                return None
            return f"{name.split('.', maxsplit=1)[0]}.{int(match[1]) - sum(other < index for other in gone)}{match[2]}"
    return name


def _whole(graph: Any, network: ConvText, group: PruneGroup) -> Any:
    layer = root_layer(network, group)
    every = list(range(group.size * group.unit))
    return graph.get_pruning_group(layer, graph.get_pruner_of_module(layer).prune_out_channels, every)


def _calibration_record(calibration: Calibration) -> dict[str, Any]:
    return {
        "lines": len(calibration.lines),
        "sha256": calibration.digest,
        "batches": calibration.count,
        "batch": calibration.size,
        "seed": calibration.seed,
    }
